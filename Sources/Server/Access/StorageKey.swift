// SPDX-License-Identifier: Apache-2.0

import CCrypto

/// The operator's key of what is kept encrypted: 32 bytes, in a file that only its owner may use.
package struct StorageKey: Sendable {
    /// How much longer sealed bytes are: a nonce of 12 bytes before them, a tag of 16 behind them.
    package static let overhead = AESGCM.nonceByteCount + AESGCM.tagByteCount

    private let bytes: [UInt8]

    /// By what is told whether something was sealed with this key: 16 hexadecimal digits.
    package let id: String

    /// A key of 32 bytes.
    ///
    /// - Throws: ``AccessError`` where there is no libcrypto.
    package init(_ bytes: [UInt8]) throws(AccessError) {
        precondition(bytes.count == 32, "a key of \(bytes.count) bytes")
        try Cryptography.require()
        self.bytes = bytes
        let tag = try Cryptography.tag(of: Array("cierzo storage key".utf8), key: bytes)
        id = Cryptography.hexadecimal(tag.prefix(8))
    }

    /// Reads its file, as `openssl rand -out FILE 32` makes it.
    ///
    /// - Throws: ``AccessError`` where it holds no such key, or others may use it.
    package init(path: String) throws(AccessError) {
        let bytes = try PrivateFile(path).read(maxByteCount: 1 << 16)
        guard bytes.count == 32 else {
            throw .invalid(
                path: path, place: "", expected: "a key of 32 bytes (openssl rand -out FILE 32)",
                found: "\(bytes.count) bytes")
        }
        try self.init(bytes)
    }

    /// What seals one thing, with a key of its own.
    ///
    /// - Parameter name: the thing's name, which no other has.
    /// - Returns: what seals its pieces.
    /// - Throws: ``AccessError`` where there is no libcrypto.
    package func cipher(for name: String) throws(AccessError) -> StorageCipher {
        StorageCipher(try Cryptography.tag(of: Array("cierzo stored \(name)".utf8), key: bytes))
    }
}

/// Seals the pieces of one thing, and opens them.
package struct StorageCipher: Sendable {
    private let key: [UInt8]

    fileprivate init(_ key: [UInt8]) { self.key = key }

    /// Seals a piece.
    ///
    /// Nonces are random: a piece that is written anew after a kill must not use one again.
    ///
    /// - Parameters:
    ///   - piece: any bytes.
    ///   - place: where it belongs; it is opened for that place only.
    /// - Returns: the nonce, the ciphertext and its tag.
    /// - Throws: ``AccessError`` where there is no libcrypto.
    package func seal(_ piece: [UInt8], at place: Int) throws(AccessError) -> [UInt8] {
        let nonce = Cryptography.randomBytes(AESGCM.nonceByteCount)
        return nonce
            + (try AESGCM.seal(piece, key: key, nonce: nonce, bound: Self.bytes(of: place)))
    }

    /// Opens a piece.
    ///
    /// - Returns: nil where it is not as it was, or of another place or thing.
    package func open(_ sealed: [UInt8], at place: Int) -> [UInt8]? {
        guard sealed.count >= StorageKey.overhead else { return nil }
        return AESGCM.open(
            Array(sealed.dropFirst(AESGCM.nonceByteCount)), key: key,
            nonce: Array(sealed.prefix(AESGCM.nonceByteCount)), bound: Self.bytes(of: place))
    }

    private static func bytes(of place: Int) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: place >> ($0 * 8)) }
    }
}
