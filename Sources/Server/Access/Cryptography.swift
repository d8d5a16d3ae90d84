// SPDX-License-Identifier: Apache-2.0

import CCrypto

/// What libcrypto computes for keys, tokens and records.
package enum Cryptography {
    /// Checks that the library is there, so that nothing below can fail for its absence.
    ///
    /// - Throws: ``AccessError/missingLibrary``.
    static func require() throws(AccessError) {
        guard cc_is_ready() != 0 else { throw .missingLibrary }
    }

    /// Bytes that nobody can guess, from the system.
    static func randomBytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    /// HMAC with SHA-256: 32 bytes that only who has the key can make.
    package static func tag(of bytes: [UInt8], key: [UInt8]) throws(AccessError) -> [UInt8] {
        var tag = [UInt8](repeating: 0, count: 32)
        let status = unsafe tag.withUnsafeMutableBufferPointer { tag in
            unsafe key.withUnsafeBufferPointer { key in
                unsafe bytes.withUnsafeBufferPointer { bytes in
                    unsafe cc_hmac_sha256(
                        key.baseAddress, key.count, bytes.baseAddress, bytes.count,
                        tag.baseAddress)
                }
            }
        }
        guard status == 0 else { throw .missingLibrary }
        return tag
    }

    /// scrypt, which takes as long as its cost says.
    static func scrypt(
        _ secret: [UInt8], salt: [UInt8], cost: ScryptCost, count: Int = 32
    ) throws(AccessError) -> [UInt8] {
        var key = [UInt8](repeating: 0, count: count)
        let status = unsafe key.withUnsafeMutableBufferPointer { key in
            unsafe secret.withUnsafeBufferPointer { secret in
                unsafe salt.withUnsafeBufferPointer { salt in
                    unsafe cc_scrypt(
                        secret.baseAddress, secret.count, salt.baseAddress, salt.count,
                        UInt64(cost.n), UInt64(cost.r), UInt64(cost.p), key.baseAddress, key.count)
                }
            }
        }
        guard status == 0 else { throw .missingLibrary }
        return key
    }

    /// SHA-256 of some bytes.
    package static func digest(_ bytes: [UInt8]) throws(AccessError) -> [UInt8] {
        let digest = try RunningDigest()
        digest.add(bytes)
        return digest.finish()
    }

    /// Whether bytes are the same, in a time that only their number decides.
    static func isEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        guard one.count == other.count else { return false }
        var difference: UInt8 = 0
        for index in one.indices { difference |= one[index] ^ other[index] }
        return difference == 0
    }

    /// Hexadecimal digits.
    package static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] },
            as: UTF8.self)
    }
}

/// SHA-256 of bytes that come one after another.
@safe package final class RunningDigest {
    private let digest: OpaquePointer
    private var isSound = true

    /// Begins a digest.
    package init() throws(AccessError) {
        guard let digest = unsafe cc_digest_open(CC_SHA256) else { throw .missingLibrary }
        unsafe self.digest = digest
    }

    deinit { unsafe cc_digest_close(digest) }

    /// Adds bytes.
    package func add(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        unsafe bytes.withUnsafeBufferPointer { source in
            if unsafe cc_digest_add(digest, source.baseAddress, source.count) != 0 {
                isSound = false
            }
        }
    }

    /// The 32 bytes of the digest; nothing can be added after that.
    package func finish() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
            Int(unsafe cc_digest_finish(digest, buffer.baseAddress))
        }
        precondition(isSound && count == 32, "libcrypto has computed no SHA-256")
        return Array(bytes[..<count])
    }
}

/// How much work scrypt is.
package struct ScryptCost: Hashable, Sendable {
    /// Work and memory: a power of two.
    package let n: Int
    /// The size of a block, in 128 bytes.
    package let r: Int
    /// How often it is done.
    package let p: Int

    /// 16 MiB, and some hundredths of a second.
    ///
    /// Secrets are 256 random bits, so that no work would be little enough to try them all.
    package static let standard = ScryptCost(unchecked: 1 << 14, 8, 1)

    private init(unchecked n: Int, _ r: Int, _ p: Int) { (self.n, self.r, self.p) = (n, r, p) }

    /// A cost, or nil for what scrypt does not allow or would take more than 256 MiB.
    package init?(n: Int, r: Int, p: Int) {
        guard n >= 2, n <= 1 << 20, n & (n - 1) == 0, (1...32).contains(r), (1...16).contains(p),
            128 * n * r <= 256 << 20
        else { return nil }
        self.init(unchecked: n, r, p)
    }
}
