// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The public half of an operator's key, to which a server seals what was asked and answered: it can
/// write that, and never read it again.
///
/// Files are those of `cierzo audit keygen` and of `openssl genpkey -algorithm X25519` (PEM,
/// RFC 8410).
package struct ContentKey: Hashable, Sendable {
    /// Its 32 bytes.
    package let bytes: [UInt8]

    /// By what records name it: the first 16 hexadecimal digits of SHA-256 of its bytes.
    package let id: String

    /// Whether a text can be a key's name.
    static func isID(_ text: String) -> Bool {
        let digits = Array("0123456789abcdef".utf8)
        return text.utf8.count == 16 && text.utf8.allSatisfy { digits.contains($0) }
    }

    /// A SubjectPublicKeyInfo of X25519 has nothing else before its 32 bytes.
    private static let prefix: [UInt8] = [
        0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x6E, 0x03, 0x21, 0x00,
    ]

    fileprivate init(_ bytes: [UInt8]) throws(AccessError) {
        self.bytes = bytes
        id = Cryptography.hexadecimal(try Cryptography.digest(bytes).prefix(8))
    }

    /// Reads a file that nobody but its owner may write.
    ///
    /// - Throws: ``AccessError`` where it holds no such key.
    package init(path: String) throws(AccessError) {
        let text = try PrivateFile(path).read(maxByteCount: 1 << 16, forbidding: 0o022)
        let bytes = try PEM.content(
            of: text, "PUBLIC KEY", path: path, expected: "a public key of X25519")
        guard bytes.count == 44, bytes.starts(with: Self.prefix) else {
            throw .invalid(
                path: path, place: "", expected: "a public key of X25519", found: "another key")
        }
        try self.init(Array(bytes.suffix(32)))
        // What nothing can be sealed to.
        _ = try X25519.secret(of: Cryptography.randomBytes(32), with: self.bytes)
    }

    /// The text of its file.
    package var pem: String { PEM.text(Self.prefix + bytes, "PUBLIC KEY") }

    /// What every box of records is for (RFC 9180's info).
    private static let purpose = Array("cierzo audit content 1".utf8)

    /// Seals what belongs to a record.
    package func seal(_ content: [UInt8], boundTo record: [UInt8]) throws(AccessError) -> [UInt8] {
        try SealedBox.seal(content, to: bytes, info: Self.purpose, bound: record)
    }

    /// The half that reads.
    package struct Private: Sendable {
        private let bytes: [UInt8]

        /// The half that writes.
        package let publicKey: ContentKey

        /// A PrivateKeyInfo of X25519 has nothing else before its 32 bytes.
        private static let prefix: [UInt8] = [
            0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x6E, 0x04, 0x22,
            0x04, 0x20,
        ]

        /// Makes a key that there has never been.
        package init() throws(AccessError) { try self.init(Cryptography.randomBytes(32)) }

        private init(_ bytes: [UInt8]) throws(AccessError) {
            self.bytes = bytes
            publicKey = try ContentKey(try X25519.publicKey(of: bytes))
        }

        /// Reads a file that only its owner may use.
        ///
        /// - Throws: ``AccessError`` where it holds no such key, or one with a password.
        package init(path: String) throws(AccessError) {
            let text = try PrivateFile(path).read(maxByteCount: 1 << 16)
            let expected = "a private key of X25519, without a password"
            let bytes = try PEM.content(of: text, "PRIVATE KEY", path: path, expected: expected)
            guard bytes.count == 48, bytes.starts(with: Self.prefix) else {
                throw .invalid(path: path, place: "", expected: expected, found: "another key")
            }
            try self.init(Array(bytes.suffix(32)))
        }

        /// The text of its file.
        package var pem: String { PEM.text(Self.prefix + bytes, "PRIVATE KEY") }

        /// Opens what belongs to a record.
        ///
        /// - Returns: nil where it was sealed to another key, changed, or is another record's.
        package func open(_ box: [UInt8], boundTo record: [UInt8]) throws(AccessError) -> [UInt8]? {
            try SealedBox.open(box, with: bytes, info: ContentKey.purpose, bound: record)
        }
    }
}

/// Texts that hold one key (RFC 7468).
private enum PEM {
    static func text(_ bytes: [UInt8], _ kind: String) -> String {
        "-----BEGIN \(kind)-----\n\(Data(bytes).base64EncodedString())\n-----END \(kind)-----\n"
    }

    /// The bytes of the only part of a text.
    static func content(
        of bytes: [UInt8], _ kind: String, path: String, expected: String
    ) throws(AccessError) -> [UInt8] {
        let text = String(decoding: bytes, as: UTF8.self)
        func failure(_ found: String) -> AccessError {
            .invalid(path: path, place: "", expected: expected, found: found)
        }
        let (begin, end) = ("-----BEGIN \(kind)-----", "-----END \(kind)-----")
        guard let start = text.firstRange(of: begin) else {
            throw failure(text.contains("-----BEGIN ") ? "PEM of another kind" : "no PEM")
        }
        let rest = text[start.upperBound...]
        guard let stop = rest.firstRange(of: end) else { throw failure("no \(end)") }
        guard !rest[stop.upperBound...].contains("-----BEGIN ") else {
            throw failure("several keys")
        }
        let digits = rest[..<stop.lowerBound].filter { !$0.isWhitespace }
        guard let data = Data(base64Encoded: digits) else { throw failure("no Base64") }
        return Array(data)
    }
}
