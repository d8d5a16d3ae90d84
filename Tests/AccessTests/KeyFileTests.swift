// SPDX-License-Identifier: Apache-2.0

import Access
import Foundation
import Glibc
import JSON
import TestSupport
import Testing

/// scrypt that costs next to nothing.
let cheap = ScryptCost(n: 16, r: 1, p: 1) ?? .standard

@Suite struct KeyFileTests {
    private static func limits() throws -> AccessLimits {
        var limits = AccessLimits()
        for limit in NumericLimit.all { try NumericLimit.set("\(limit.name)=20", in: &limits) }
        limits.models = ["a", "maker/b"]
        limits.families = [.chat, .embeddings]
        limits.mayBatch = false
        limits.isAdmin = true
        return limits
    }

    @Test func `a file reads back what was written`() throws {
        var file = KeyFile()
        _ = try file.add("team-a", Self.limits(), expires: 99, at: 5, cost: cheap)
        _ = try file.add("b", AccessLimits(), expires: nil, at: 6, cost: cheap)
        _ = try file.rotate("b", overlap: 50, at: 7, cost: cheap)
        let read = try KeyFile(file.bytes, path: "keys")
        #expect(read == file)
        #expect(try read.key(named: "team-a").limits == Self.limits())
        #expect(try read.key(named: "b").secrets.map(\.expires) == [57, nil])
    }

    @Test func `no part of a secret is in the file`() throws {
        var file = KeyFile()
        let secret = try file.add("a", AccessLimits(), expires: nil, at: 5, cost: cheap)
        let text = String(decoding: file.bytes, as: UTF8.self)
        let own = try #require(secret.split(separator: "-").last)
        #expect(own.count == 58)
        #expect(!text.contains(own.prefix(8)))
        #expect(text.contains(try file.key(named: "a").id))
    }

    @Test func `no two keys have a name in common`() throws {
        var file = KeyFile()
        _ = try file.add("a", AccessLimits(), expires: nil, at: 5, cost: cheap)
        #expect(throws: AccessError.knownKey("a")) {
            try file.add("a", AccessLimits(), expires: nil, at: 5, cost: cheap)
        }
        let id = try file.key(named: "a").id
        #expect(throws: AccessError.knownKey(id)) {
            try file.add(id, AccessLimits(), expires: nil, at: 5, cost: cheap)
        }
        try file.revoke("a")
        #expect(file.keys.isEmpty)
        #expect(throws: AccessError.unknownKey("a")) { try file.revoke("a") }
    }

    @Test(arguments: ["", "a b", "ä", "a/b", "a\n", String(repeating: "a", count: 65)])
    func `a name stands in logs and paths`(name: String) {
        var file = KeyFile()
        #expect(throws: AccessError.self) {
            try file.add(name, AccessLimits(), expires: nil, at: 5, cost: cheap)
        }
    }

    @Test func `of a key that is rotated two secrets live, and no third`() throws {
        var file = KeyFile()
        _ = try file.add("a", AccessLimits(), expires: nil, at: 0, cost: cheap)
        _ = try file.rotate("a", overlap: 100, at: 10, cost: cheap)
        #expect(try file.key(named: "a").liveSecrets(at: 109).map(\.created) == [0, 10])
        #expect(try file.key(named: "a").liveSecrets(at: 110).map(\.created) == [10])
        _ = try file.rotate("a", overlap: 100, at: 20, cost: cheap)
        #expect(try file.key(named: "a").secrets.map(\.created) == [10, 20])
        _ = try file.rotate("a", overlap: 0, at: 30, cost: cheap)
        #expect(try file.key(named: "a").secrets.map(\.created) == [30])
        #expect(try !file.revokeOldSecret(of: "a"))
        _ = try file.rotate("a", overlap: 100, at: 40, cost: cheap)
        #expect(try file.revokeOldSecret(of: "a"))
        #expect(try file.key(named: "a").secrets.map(\.created) == [40])
    }

    @Test func `a key that has ended has no live secret`() throws {
        var file = KeyFile()
        _ = try file.add("a", AccessLimits(), expires: 50, at: 0, cost: cheap)
        #expect(try file.key(named: "a").liveSecrets(at: 49).count == 1)
        #expect(try file.key(named: "a").liveSecrets(at: 50).isEmpty)
    }

    @Test(
        arguments: [
            ("requests-per-minute", "requests-per-minute"), ("concurrency=0", "concurrency"),
            ("weight=x", "weight"), ("context=15", "context"), ("speed=1", "limit"),
            ("priority=1=2", "priority"), ("", "limit"),
        ])
    func `a limit that cannot be is named`(text: String, what: String) {
        var limits = AccessLimits()
        let error = #expect(throws: AccessError.self) {
            try NumericLimit.set(text, in: &limits)
        }
        guard case .wrong(what, _, text)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(limits == AccessLimits())
    }

    // MARK: Wrong files

    /// A file of one key whose members are replaced.
    private static func text(_ members: JSONObject, top: JSONObject = [:]) throws -> [UInt8] {
        var file = KeyFile()
        _ = try file.add("a", AccessLimits(), expires: nil, at: 5, cost: cheap)
        var object = try #require(try JSONParser.parse(file.bytes).objectValue)
        var key = try #require(object["keys"]?[0]?.objectValue)
        for (name, value) in members { key[name] = value }
        object["keys"] = [.object(key)]
        for (name, value) in top { object[name] = value }
        return JSONValue.object(object).serializedBytes()
    }

    @Test(
        arguments: [
            ("id", "x"), ("id", 3), ("name", "a b"), ("name", nil), ("created", -1),
            ("created", nil), ("expires", "soon"), ("expires", 1.5), ("secrets", "none"),
            ("secrets[0]", [1]), ("secrets[0].created", [[:]] as JSONValue),
            ("models", []), ("models", "a"), ("models", [1]), ("families", ["chats"]),
            ("families", ["admin"]), ("requests-per-minute", 0), ("tokens-per-day", "9"),
            ("concurrency", 1e30), ("batch", 1), ("admin", "yes"), ("requests_per_minute", 5),
        ] as [(String, JSONValue?)])
    func `a wrong member of a key is named`(place: String, value: JSONValue?) throws {
        let name = String(place.prefix { $0 != "[" })
        let bytes = try Self.text([name: value ?? .null])
        let error = #expect(throws: AccessError.self) { try KeyFile(bytes, path: "keys.json") }
        guard case .invalid("keys.json", let found, _, _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        // What a secret lacks is found in the order in which it is read.
        #expect(found.hasPrefix("keys[0].\(name)"))
    }

    @Test(
        arguments: [
            ("version", 2), ("version", nil), ("check", "abc"), ("check", nil), ("keys", 1),
            ("more", 1),
        ] as [(String, JSONValue?)])
    func `a wrong member of a file is named`(name: String, value: JSONValue?) throws {
        let bytes = try Self.text([:], top: [name: value ?? .null])
        let error = #expect(throws: AccessError.self) { try KeyFile(bytes, path: "keys.json") }
        guard case .invalid(_, name, _, _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(
        arguments: [
            [2, 0, 1], [3, 1, 1], [1 << 20, 32, 1], [1 << 21, 1, 1], [16, 1, 17], [16, 33, 1],
        ])
    func `a cost that would take all memory is none`(numbers: [Int]) {
        #expect(ScryptCost(n: numbers[0], r: numbers[1], p: numbers[2]) == nil)
    }

    @Test(arguments: ["", "{", "[]", "null", #"{"version":1,"version":1}"#, "\u{0}"])
    func `what is no file of keys is an error`(text: String) {
        #expect(throws: AccessError.self) { try KeyFile(Array(text.utf8), path: "keys") }
    }

    // MARK: On disk

    @Test(arguments: [0o640, 0o604, 0o622, 0o700 | 0o010])
    func `a file that others may use is refused`(mode: Int) throws {
        let folder = try TemporaryFolder()
        let file = PrivateFile("\(folder.path)/keys")
        try file.write(KeyFile().bytes)
        #expect(try file.read() == contents(file.path))
        try FileManager.default.setAttributes(
            [.posixPermissions: mode], ofItemAtPath: file.path)
        #expect(throws: AccessError.exposed(path: file.path, mode: mode)) { try file.read() }
    }

    @Test func `a file is written for its owner alone, and nothing is left beside it`() throws {
        let folder = try TemporaryFolder()
        let file = PrivateFile("\(folder.path)/keys")
        try file.write([1])
        try file.write([2])
        let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions]
        #expect(mode as? Int == 0o600)
        #expect(try file.read() == [2])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["keys"])
        #expect(throws: AccessError.self) { try file.write([3], replacing: false) }
        #expect(try file.read() == [2])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["keys"])
    }

    @Test(.enabled(if: geteuid() == 0))
    func `what root makes belongs to the owner of its folder, unless it is a secret of root's`()
        throws
    {
        let folder = try TemporaryFolder()
        try #require(unsafe chown(folder.path, 1234, 1235) == 0)
        func owner(_ name: String) throws -> [Int?] {
            let found = try FileManager.default.attributesOfItem(atPath: "\(folder.path)/\(name)")
            return [found[.ownerAccountID] as? Int, found[.groupOwnerAccountID] as? Int]
        }
        let file = PrivateFile("\(folder.path)/keys")
        _ = try KeyFile.changing(file, makes: true) { keys throws(AccessError) in
            try keys.add("a", AccessLimits(), expires: nil, at: 0)
        }
        #expect(try owner("keys") == [1234, 1235])
        try #require(unsafe chown(file.path, 1236, 1237) == 0)
        try file.write([1])
        #expect(try owner("keys") == [1236, 1237])
        try PrivateFile("\(folder.path)/secret").write([1], replacing: false)
        #expect(try owner("secret") == [0, Int(getegid())])
    }

    @Test func `a folder, nothing and too much are no files of keys`() throws {
        let folder = try TemporaryFolder()
        #expect(throws: AccessError.self) { try PrivateFile(folder.path).read() }
        #expect(throws: AccessError.self) { try PrivateFile("\(folder.path)/none").read() }
        let file = PrivateFile("\(folder.path)/keys")
        try file.write([1, 2, 3])
        #expect(throws: AccessError.self) { try file.read(maxByteCount: 2) }
        #expect(try file.read(maxByteCount: 3).count == 3)
    }

    @Test func `changes wait for each other`() async throws {
        let folder = try TemporaryFolder()
        let file = PrivateFile("\(folder.path)/keys")
        try file.write([])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    try file.exclusively { bytes throws(AccessError) in
                        try file.write((bytes ?? []) + [1])
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try file.read().count == 16)
    }
}
