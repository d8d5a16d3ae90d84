// SPDX-License-Identifier: Apache-2.0

package import Foundation

/// A folder that is removed when the value goes away.
package final class TemporaryFolder {
    /// Where it is.
    package let path: String

    /// Makes an empty folder.
    ///
    /// - Parameter place: where; nil for where such folders belong.
    /// - Throws: why it cannot be made.
    package init(in place: URL? = nil) throws {
        let url = (place ?? FileManager.default.temporaryDirectory).appendingPathComponent(
            "cierzo-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Writes a file and returns its path.
    @discardableResult
    package func write(_ bytes: [UInt8], to name: String) throws -> String {
        let file = "\(path)/\(name)"
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        return file
    }

    /// Writes a text file and returns its path.
    @discardableResult
    package func write(_ text: String, to name: String) throws -> String {
        try write(Array(text.utf8), to: name)
    }
}

/// The path of a golden file or folder of the formats that hold models.
package func golden(_ name: String) throws -> String {
    guard let url = Bundle.module.resourceURL else { throw CocoaError(.fileNoSuchFile) }
    return url.appendingPathComponent("Goldens/\(name)").path
}

/// The content of a file.
package func contents(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path)))
}
