// SPDX-License-Identifier: Apache-2.0

import Access
import Foundation
import JSON
import Jobs

/// The file of a batch without a server.
struct BatchInput {
    let path: String
    let endpoint: String
    /// A UUID that the bytes and the endpoint decide.
    let id: String
    /// In seconds since 1970; answers tell it as their time.
    let modificationTime: Int

    init(path: String, endpoint: String?) throws {
        self.path = path
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw BatchProblem.unreadable(path)
        }
        defer { try? handle.close() }
        let digest = try RunningDigest()
        var first: [UInt8] = []
        while let bytes = try handle.read(upToCount: 1 << 20), !bytes.isEmpty {
            let bytes = Array(bytes)
            digest.add(bytes)
            if first.isEmpty { first = bytes }
        }
        let line = first.split(separator: UInt8(ascii: "\n"), maxSplits: 1).first.map(Array.init)
        let told = (try? JSONParser.parse(line ?? []))?["url"]?.stringValue
        self.endpoint = endpoint ?? told ?? "/v1/chat/completions"
        digest.add(Array(self.endpoint.utf8))
        let digits = Cryptography.hexadecimal(digest.finish().prefix(16))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(index) { text.append("-") }
            text.append(digit)
        }
        id = text
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        let date = attributes[.modificationDate] as? Date ?? Date(timeIntervalSince1970: 0)
        modificationTime = Int(date.timeIntervalSince1970)
    }

    /// Copies it to a store, so that it cannot change while it is worked on.
    func store(in files: FileStore, for owner: String) throws -> String {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw BatchProblem.unreadable(path)
        }
        defer { try? handle.close() }
        let writer = try files.make(for: owner)
        while let bytes = try handle.read(upToCount: 1 << 20), !bytes.isEmpty {
            try writer.append(Array(bytes))
        }
        return try writer.finish(name: "input.jsonl", purpose: .batch).id
    }
}

/// Why a batch cannot be answered.
enum BatchProblem: Error, CustomStringConvertible {
    case present(String)
    case other(String)
    case otherSetup(String)
    case unreadable(String)
    case unwritable(String)
    case fault(String, line: Int?, String)
    case interrupted

    var description: String {
        switch self {
        case .present(let path): "\(path) is there already; nothing is written over it"
        case .other(let path):
            "what was begun for this output was another file than \(path), or that has changed; "
                + "delete the folder OUTPUT.work to begin anew"
        case .otherSetup(let setup):
            "this output was begun with \(setup); go on with the same, or delete the folder "
                + "OUTPUT.work to begin anew"
        case .unreadable(let path): "\(path) cannot be read"
        case .unwritable(let path): "\(path) cannot be written"
        case .fault(let path, let line, let message):
            path + ": " + (line.map { "line \($0): " } ?? "") + message
        case .interrupted: "interrupted before the end"
        }
    }
}
