// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import Testing

/// The golden files beside the tests.
enum Goldens {
    /// The JSON of a golden file.
    static func json(_ name: String) throws -> JSONValue {
        let url = try #require(
            Bundle.module.url(forResource: "Goldens/\(name)", withExtension: "json"))
        return try JSONParser.parse([UInt8](Data(contentsOf: url)))
    }

    /// The folder that an environment variable names, if it does.
    static func folder(_ variable: String) -> String? {
        ProcessInfo.processInfo.environment[variable].flatMap { $0.isEmpty ? nil : $0 }
    }
}
