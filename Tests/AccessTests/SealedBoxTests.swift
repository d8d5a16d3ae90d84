// SPDX-License-Identifier: Apache-2.0

import Access
import Foundation
import JSON
import TestSupport
import Testing

@Suite struct SealedBoxTests {
    /// Boxes of others (`scripts/goldens/make-sealed-boxes.py`).
    private static let goldens: JSONValue = {
        guard let url = Bundle.module.resourceURL,
            let bytes = try? contents(url.appendingPathComponent("Goldens/boxes.json").path),
            let value = try? JSONParser.parse(bytes)
        else { return .null }
        return value
    }()

    private static func bytes(_ value: JSONValue?) throws -> [UInt8] {
        let digits = try #require(value?.stringValue)
        let pairs = stride(from: 0, to: digits.utf8.count, by: 2).map { start in
            digits.dropFirst(start).prefix(2)
        }
        return try pairs.map { try #require(UInt8($0, radix: 16)) }
    }

    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func file(_ text: String, mode: Int = 0o600) throws -> String {
        let path = try folder.write(text, to: "key.pem")
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }

    @Test func `a box is the one of the standard's own example`() throws {
        let golden = try #require(Self.goldens["official"])
        let (info, bound) = (try Self.bytes(golden["info"]), try Self.bytes(golden["bound"]))
        let (message, box) = (try Self.bytes(golden["message"]), try Self.bytes(golden["box"]))
        let sealed = try SealedBox.seal(
            message, to: Self.bytes(golden["public"]), info: info, bound: bound,
            ephemeral: Self.bytes(golden["ephemeral"]))
        #expect(sealed == box)
        let key = try Self.bytes(golden["recipient"])
        #expect(try SealedBox.open(box, with: key, info: info, bound: bound) == message)
        #expect(try SealedBox.open(box, with: key, info: info + [0], bound: bound) == nil)
    }

    @Test func `boxes of another library for a key of openssl open`() throws {
        let path = try file(try #require(Self.goldens["private"]?.stringValue))
        let key = try ContentKey.Private(path: path)
        #expect(key.publicKey.pem == Self.goldens["public"]?.stringValue)
        #expect(key.pem == Self.goldens["private"]?.stringValue)
        let boxes = try #require(Self.goldens["sealed"]?.arrayValue)
        #expect(boxes.count == 7)
        for golden in boxes {
            let message = try key.open(
                Self.bytes(golden["box"]), boundTo: Self.bytes(golden["bound"]))
            #expect(try message == Self.bytes(golden["message"]))
        }
    }

    @Test func `what is sealed opens for its key alone, as it was`() throws {
        let (key, other) = (try ContentKey.Private(), try ContentKey.Private())
        for count in [0, 1, 31, 1000] {
            let message = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7) }
            let box = try key.publicKey.seal(message, boundTo: [1, 2])
            #expect(box.count == count + 48)
            #expect(try key.open(box, boundTo: [1, 2]) == message)
            #expect(try key.open(box, boundTo: [1]) == nil)
            #expect(try other.open(box, boundTo: [1, 2]) == nil)
            #expect(try key.publicKey.seal(message, boundTo: [1, 2]) != box)
        }
    }

    @Test func `no box opens of which a bit is another one, or that is too short`() throws {
        let key = try ContentKey.Private()
        let box = try key.publicKey.seal([1, 2, 3], boundTo: [])
        for bit in 0..<8 * box.count {
            var changed = box
            changed[bit / 8] ^= 1 << (bit % 8)
            // X25519 does not look at the last bit of a public key, but its bytes are in the key.
            #expect(try key.open(changed, boundTo: []) == nil, "bit \(bit)")
        }
        for count in 0..<box.count {
            #expect(try key.open(Array(box.prefix(count)), boundTo: []) == nil)
        }
        // Points of small order have no secret with anybody.
        for first: UInt8 in [0, 1] {
            let sender = [first] + [UInt8](repeating: 0, count: 31)
            #expect(try key.open(sender + box.dropFirst(32), boundTo: []) == nil)
        }
    }

    @Test(
        arguments: [
            ("", "no PEM"), ("-----BEGIN PUBLIC KEY-----\nAAAA", "no -----END PUBLIC KEY-----"),
            ("-----BEGIN PUBLIC KEY-----\n%%\n-----END PUBLIC KEY-----\n", "no Base64"),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "another key"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "another kind"),
            // An Ed25519 key.
            (
                "-----BEGIN PUBLIC KEY-----\n"
                    + "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
                    + "-----END PUBLIC KEY-----\n", "another key"
            ),
            // A point of small order, to which nothing can be sealed.
            (
                "-----BEGIN PUBLIC KEY-----\n"
                    + "MCowBQYDK2VuAyEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
                    + "-----END PUBLIC KEY-----\n", "X25519"
            ),
        ])
    func `a file that is no public key is refused with the reason`(
        text: String, reason: String
    ) throws {
        let path = try file(text)
        let error = #expect(throws: AccessError.self) { try ContentKey(path: path) }
        #expect("\(try #require(error))".contains(reason))
    }

    @Test func `a private key that others may read, or with a password, is refused`() throws {
        let text = try #require(Self.goldens["private"]?.stringValue)
        let exposed = try file(text, mode: 0o644)
        #expect(throws: AccessError.exposed(path: exposed, mode: 0o644)) {
            try ContentKey.Private(path: exposed)
        }
        let locked = try file(text.replacing("PRIVATE", with: "ENCRYPTED PRIVATE"))
        let error = #expect(throws: AccessError.self) { try ContentKey.Private(path: locked) }
        #expect("\(try #require(error))".contains("without a password"))
        let twice = try file(text + text)
        #expect(throws: AccessError.self) { try ContentKey.Private(path: twice) }
        // Others may read a public one, and not write it.
        let open = try file(try #require(Self.goldens["public"]?.stringValue), mode: 0o644)
        _ = try ContentKey(path: open)
        let writable = try file(try #require(Self.goldens["public"]?.stringValue), mode: 0o666)
        #expect(throws: AccessError.self) { try ContentKey(path: writable) }
    }
}
