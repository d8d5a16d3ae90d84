// SPDX-License-Identifier: Apache-2.0

import CCrypto

/// A message that only who has a private key can read.
///
/// It is HPKE (RFC 9180) in base mode, with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM,
/// and one message for each context: the 32 bytes of `enc`, then the ciphertext with its tag of 16
/// bytes. So whoever sealed it cannot open it again, and any other library of HPKE can.
package enum SealedBox {
    /// What a box has besides its message.
    static let overhead = 48

    /// Seals a message.
    ///
    /// - Parameters:
    ///   - message: any bytes.
    ///   - recipient: the 32 bytes of a public key of X25519.
    ///   - info: what it is for; the same is needed to open it.
    ///   - bound: what it belongs to, which is not in it; the same is needed to open it.
    ///   - ephemeral: the private key of this box alone; only tests know it before.
    /// - Returns: the box.
    /// - Throws: ``AccessError`` for a public key that is none, or where there is no libcrypto.
    package static func seal(
        _ message: [UInt8], to recipient: [UInt8], info: [UInt8], bound: [UInt8],
        ephemeral: [UInt8] = Cryptography.randomBytes(32)
    ) throws(AccessError) -> [UInt8] {
        let sender = try X25519.publicKey(of: ephemeral)
        let shared = try X25519.secret(of: ephemeral, with: recipient)
        let (key, nonce) = try schedule(shared, sender: sender, recipient: recipient, info: info)
        return sender + (try AESGCM.seal(message, key: key, nonce: nonce, bound: bound))
    }

    /// Opens a box.
    ///
    /// - Parameters:
    ///   - box: any bytes.
    ///   - key: the 32 bytes of a private key of X25519.
    ///   - info: what it is for.
    ///   - bound: what it belongs to.
    /// - Returns: the message, or nil where anything is not as it was.
    /// - Throws: ``AccessError`` where there is no libcrypto.
    package static func open(
        _ box: [UInt8], with key: [UInt8], info: [UInt8], bound: [UInt8]
    ) throws(AccessError) -> [UInt8]? {
        try Cryptography.require()
        guard box.count >= overhead else { return nil }
        let sender = Array(box.prefix(32))
        // A sender's key of small order has no secret with anybody.
        guard let shared = try? X25519.secret(of: key, with: sender) else { return nil }
        let (key, nonce) = try schedule(
            shared, sender: sender, recipient: try X25519.publicKey(of: key), info: info)
        return AESGCM.open(Array(box.dropFirst(32)), key: key, nonce: nonce, bound: bound)
    }

    // MARK: The key schedule (RFC 9180 §4.1 and §5.1)

    private static let kem: [UInt8] = Array("KEM".utf8) + [0x00, 0x20]
    private static let suite: [UInt8] = Array("HPKE".utf8) + [0x00, 0x20, 0x00, 0x01, 0x00, 0x02]
    private static let baseMode: UInt8 = 0

    private static func schedule(
        _ shared: [UInt8], sender: [UInt8], recipient: [UInt8], info: [UInt8]
    ) throws(AccessError) -> (key: [UInt8], nonce: [UInt8]) {
        let agreed = try extract([], "eae_prk", shared, kem)
        let secret = try expand(agreed, "shared_secret", sender + recipient, 32, kem)
        let context =
            [baseMode] + (try extract([], "psk_id_hash", [], suite))
            + (try extract([], "info_hash", info, suite))
        let root = try extract(secret, "secret", [], suite)
        return (
            try expand(root, "key", context, 32, suite),
            try expand(root, "base_nonce", context, 12, suite)
        )
    }

    /// LabeledExtract.
    private static func extract(
        _ salt: [UInt8], _ label: String, _ input: [UInt8], _ suite: [UInt8]
    ) throws(AccessError) -> [UInt8] {
        try Cryptography.tag(
            of: Array("HPKE-v1".utf8) + suite + Array(label.utf8) + input, key: salt)
    }

    /// LabeledExpand of at most 32 bytes, which is one block.
    private static func expand(
        _ key: [UInt8], _ label: String, _ info: [UInt8], _ count: Int, _ suite: [UInt8]
    ) throws(AccessError) -> [UInt8] {
        let labelled = Array("HPKE-v1".utf8) + suite + Array(label.utf8) + info
        let block = try Cryptography.tag(of: [0, UInt8(count)] + labelled + [1], key: key)
        return Array(block.prefix(count))
    }
}

/// Agreement on a secret (RFC 7748); keys are 32 bytes.
enum X25519 {
    /// The public key of a private one.
    static func publicKey(of key: [UInt8]) throws(AccessError) -> [UInt8] {
        precondition(key.count == 32, "a key of \(key.count) bytes")
        var publicKey = [UInt8](repeating: 0, count: 32)
        let status = unsafe publicKey.withUnsafeMutableBufferPointer { publicKey in
            unsafe key.withUnsafeBufferPointer { key in
                unsafe cc_x25519_public(key.baseAddress, publicKey.baseAddress)
            }
        }
        guard status == 0 else { throw .missingLibrary }
        return publicKey
    }

    /// What a private key and another's public key have together.
    ///
    /// - Throws: ``AccessError`` for a public key that has the same with everybody.
    static func secret(of key: [UInt8], with publicKey: [UInt8]) throws(AccessError) -> [UInt8] {
        precondition(key.count == 32 && publicKey.count == 32, "keys of X25519 have 32 bytes")
        var secret = [UInt8](repeating: 0, count: 32)
        let status = unsafe secret.withUnsafeMutableBufferPointer { secret in
            unsafe key.withUnsafeBufferPointer { key in
                unsafe publicKey.withUnsafeBufferPointer { publicKey in
                    unsafe cc_x25519(key.baseAddress, publicKey.baseAddress, secret.baseAddress)
                }
            }
        }
        guard status == 0 else {
            throw .wrong(what: "public key", expected: "one of X25519", found: "another")
        }
        return secret
    }
}

/// Encryption that shows every change (NIST SP 800-38D): keys of 32 bytes, nonces of 12, tags of 16
/// behind the ciphertext.
enum AESGCM {
    static let nonceByteCount = 12
    static let tagByteCount = 16

    static func seal(
        _ message: [UInt8], key: [UInt8], nonce: [UInt8], bound: [UInt8]
    ) throws(AccessError) -> [UInt8] {
        var sealed = [UInt8](repeating: 0, count: message.count + tagByteCount)
        let status = unsafe sealed.withUnsafeMutableBufferPointer { sealed in
            unsafe message.withUnsafeBufferPointer { message in
                unsafe bound.withUnsafeBufferPointer { bound in
                    unsafe cc_aes256_gcm_seal(
                        key, nonce, bound.baseAddress, bound.count, message.baseAddress,
                        message.count, sealed.baseAddress,
                        sealed.baseAddress.map { unsafe $0 + message.count })
                }
            }
        }
        guard status == 0 else { throw .missingLibrary }
        return sealed
    }

    static func open(
        _ sealed: [UInt8], key: [UInt8], nonce: [UInt8], bound: [UInt8]
    ) -> [UInt8]? {
        let count = sealed.count - tagByteCount
        guard count >= 0 else { return nil }
        var message = [UInt8](repeating: 0, count: count)
        let tag = Array(sealed.suffix(tagByteCount))
        let status = unsafe message.withUnsafeMutableBufferPointer { message in
            unsafe sealed.withUnsafeBufferPointer { sealed in
                unsafe bound.withUnsafeBufferPointer { bound in
                    unsafe cc_aes256_gcm_open(
                        key, nonce, bound.baseAddress, bound.count, sealed.baseAddress, count,
                        tag, message.baseAddress)
                }
            }
        }
        return status == 0 ? message : nil
    }
}
