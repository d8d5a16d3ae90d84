// SPDX-License-Identifier: Apache-2.0

import Access
import Foundation
import TestSupport
import Testing

@Suite struct KeyRingTests {
    private let folder: TemporaryFolder
    private let file: PrivateFile
    private let clock = TestClock(1000)

    init() throws {
        folder = try TemporaryFolder()
        file = PrivateFile("\(folder.path)/keys")
    }

    /// Changes the file as `cierzo keys` does.
    private func change<Result>(
        _ change: (inout KeyFile) throws -> Result
    ) throws -> Result {
        var keys = (try? KeyFile(file.read(), path: file.path)) ?? KeyFile()
        let result = try change(&keys)
        try file.write(keys.bytes)
        return result
    }

    private func ring() throws -> KeyRing {
        try KeyRing(path: file.path, unixTime: { [clock] in clock.now })
    }

    private func add(_ name: String, expires: Int? = nil) throws -> String {
        try change {
            try $0.add(name, AccessLimits(), expires: expires, at: clock.now, cost: cheap)
        }
    }

    /// What is known at once: a name, `nobody`, or `perhaps`.
    private func sight(_ text: String, _ ring: KeyRing) throws -> String {
        switch try ring.sight(text) {
        case .known(let caller): caller.name
        case .unknown: "nobody"
        case .unverified: "perhaps"
        }
    }

    /// Who it is, however long that takes.
    private static func name(_ text: String, _ ring: KeyRing) throws -> String {
        switch try ring.sight(text) {
        case .known(let caller): caller.name
        case .unknown: "nobody"
        case .unverified(let candidate): try ring.verify(candidate)?.name ?? "nobody"
        }
    }

    @Test func `a secret takes long once, and is known afterwards`() throws {
        let secrets = [try add("a"), try add("b")]
        let ring = try ring()
        #expect(ring.count == 2)
        #expect(try sight(secrets[0], ring) == "perhaps")
        #expect(try Self.name(secrets[0], ring) == "a")
        #expect(try sight(secrets[0], ring) == "a")
        #expect(try sight(secrets[1], ring) == "perhaps")
        #expect(try Self.name(secrets[1], ring) == "b")
    }

    @Test func `what is made up is never worth the work`() throws {
        let secret = try add("a")
        let ring = try ring()
        for index in secret.indices {
            var text = secret
            text.replaceSubrange(index...index, with: secret[index] == "a" ? "b" : "a")
            #expect(try sight(text, ring) == "nobody", "\(text)")
        }
        for text in [
            "", "ck-", "secret", secret.uppercased(), secret + "a", String(secret.dropLast()),
        ] {
            #expect(try sight(text, ring) == "nobody", "\(text)")
        }
        #expect(try sight(secret + String(repeating: "a", count: 1 << 16), ring) == "nobody")
        #expect(try sight(secret, ring) == "perhaps")
    }

    @Test func `what another file has made opens nothing`() throws {
        _ = try add("a")
        let ring = try ring()
        var other = KeyFile()
        let secret = try other.add("a", AccessLimits(), expires: nil, at: 0, cost: cheap)
        #expect(try sight(secret, ring) == "nobody")
    }

    @Test func `a key opens nothing after its end, seen or not`() throws {
        let secrets = [try add("a", expires: 1100), try add("b", expires: 1100)]
        let ring = try ring()
        #expect(try Self.name(secrets[0], ring) == "a")
        clock.pass(99)
        #expect(try sight(secrets[0], ring) == "a")
        clock.pass(1)
        #expect(try sight(secrets[0], ring) == "nobody")
        #expect(try sight(secrets[1], ring) == "nobody")
    }

    @Test func `both secrets open a key while it is rotated, and it stays the same key`() throws {
        let old = try add("a")
        let ring = try ring()
        #expect(try Self.name(old, ring) == "a")
        guard case .known(let before) = try ring.sight(old) else { return }
        let new = try change { try $0.rotate("a", overlap: 60, at: clock.now, cost: cheap) }
        #expect(ring.reload() == .loaded(keyCount: 1))
        #expect(try sight(old, ring) == "a")
        #expect(try Self.name(new, ring) == "a")
        guard case .known(let after) = try ring.sight(new) else { return }
        #expect(before == after)
        clock.pass(60)
        #expect(try sight(old, ring) == "nobody")
        #expect(try sight(new, ring) == "a")
    }

    @Test func `what was a secret once costs the work once more, and no second time`() throws {
        let old = try add("a")
        let ring = try ring()
        _ = try change { try $0.rotate("a", overlap: 0, at: clock.now, cost: cheap) }
        #expect(ring.reload() == .loaded(keyCount: 1))
        #expect(try sight(old, ring) == "perhaps")
        #expect(try Self.name(old, ring) == "nobody")
        #expect(try sight(old, ring) == "nobody")
    }

    @Test func `keys come and go with the file`() throws {
        let first = try add("a")
        let ring = try ring()
        #expect(try Self.name(first, ring) == "a")
        #expect(ring.reload() == .none)
        let second = try add("b")
        #expect(try sight(second, ring) == "nobody")
        #expect(ring.reload() == .loaded(keyCount: 2))
        #expect(try Self.name(second, ring) == "b")
        #expect(try sight(first, ring) == "a")
        try change { try $0.revoke("a") }
        #expect(ring.reload() == .loaded(keyCount: 1))
        #expect(try sight(first, ring) == "nobody")
        #expect(ring.reload(always: true) == .loaded(keyCount: 1))
    }

    @Test func `a broken file leaves the keys as they were, and is told once`() throws {
        let secret = try add("a")
        let ring = try ring()
        let sound = try file.read()
        try file.write(Array("{".utf8))
        guard case .kept(.invalid) = ring.reload() else {
            Issue.record("the file was taken")
            return
        }
        #expect(ring.reload() == .none)
        #expect(try Self.name(secret, ring) == "a")
        try file.write(sound)
        #expect(ring.reload() == .loaded(keyCount: 1))
        #expect(try sight(secret, ring) == "a")
    }

    @Test func `a file that is gone leaves the keys as they were`() throws {
        let secret = try add("a")
        let ring = try ring()
        try FileManager.default.removeItem(atPath: file.path)
        guard case .kept(.file) = ring.reload() else {
            Issue.record("no file was taken")
            return
        }
        #expect(try Self.name(secret, ring) == "a")
    }

    @Test func `there is no ring without a sound file`() throws {
        #expect(throws: AccessError.self) { try ring() }
        try file.write([])
        #expect(throws: AccessError.self) { try ring() }
    }

    @Test func `many who come at once with a new secret are all let in`() async throws {
        let secret = try add("a")
        let ring = try ring()
        let names = await withTaskGroup(of: String?.self) { group in
            for _ in 0..<32 {
                group.addTask { try? Self.name(secret, ring) }
            }
            return await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(names == ["a"])
    }
}
