// SPDX-License-Identifier: Apache-2.0

import Access
import Computation
import Foundation
import ModelFiles
import Synchronization

/// SHA-256 of the files that a model's weights are in.
///
/// That of one file is what `sha256sum FILE` says; that of several is
/// `sha256sum FILES | sha256sum`, by their names in order, without folders.
final class WeightsHash: Sendable {
    private let found = Mutex<String?>(nil)

    /// The digits, once all has been read.
    var value: String? { found.withLock { $0 } }

    /// Begins to read the files of some models, one after another, on a thread that lets others go
    /// first: tens of gigabytes take a while.
    ///
    /// - Parameters:
    ///   - files: the models'.
    ///   - report: is told of a file that cannot be read.
    /// - Returns: a hash for each of them.
    static func beginning(
        _ files: [ModelFile], report: @escaping @Sendable (any Error) -> Void
    ) -> [WeightsHash] {
        let hashes = files.map { _ in WeightsHash() }
        let paths = files.map(paths)
        let thread = Thread {
            _ = setpriority(Int32(PRIO_PROCESS.rawValue), 0, 10)
            for (hash, paths) in zip(hashes, paths) {
                do {
                    let text = try of(paths)
                    hash.found.withLock { $0 = text }
                } catch {
                    report(error)
                }
            }
        }
        thread.name = "cierzo-hash"
        thread.start()
        return hashes
    }

    /// The hash of a model's files; reads all of them.
    static func of(_ file: ModelFile) throws -> String { try of(paths(file)) }

    /// The hash of a file; reads all of it.
    @Sendable static func ofFile(_ path: String) throws -> String { try sha256(path) }

    private static func paths(_ file: ModelFile) -> [String] { file.tensors.files.map(\.path) }

    private static func of(_ paths: [String]) throws -> String {
        let names = paths.map { ($0.split(separator: "/").last.map(String.init) ?? $0, $0) }
        let lines = try names.sorted { $0.0 < $1.0 }.map { name, path in
            (hash: try sha256(path), name: name)
        }
        if lines.count == 1 { return lines[0].hash }
        let text = lines.map { "\($0.hash)  \($0.name)\n" }.joined()
        return Cryptography.hexadecimal(try Cryptography.digest(Array(text.utf8)))
    }

    private static func sha256(_ path: String) throws -> String {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? file.close() }
        let digest = try RunningDigest()
        while let part = try file.read(upToCount: 1 << 20), !part.isEmpty {
            digest.add([UInt8](part))
        }
        return Cryptography.hexadecimal(digest.finish())
    }
}
