// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import cierzo

/// A configuration file that exists for as long as a test reads it.
@discardableResult
func withConfigurationFile<Result>(
    _ text: String, _ body: (String) throws -> Result
) throws -> Result {
    let path = FileManager.default.temporaryDirectory.path + "/cierzo-\(UUID().uuidString).yaml"
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
}

/// What arguments of `cierzo serve` set, by key.
func flags(_ arguments: [String]) throws -> [String: SettingValue] {
    try Serve.parse(arguments).flags.values
}
