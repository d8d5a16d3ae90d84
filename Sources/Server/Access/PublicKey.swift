// SPDX-License-Identifier: Apache-2.0

import CCrypto
import Foundation
import JSON

/// The ways to sign that are taken (RFC 7518 §3.1, RFC 8037 §3.1): of each key there is one, so that
/// no token can choose how it is checked.
enum SigningAlgorithm: String, Sendable {
    /// HMAC with SHA-256, by a secret that both sides have.
    case hs256 = "HS256"
    /// RSA with SHA-256.
    case rs256 = "RS256"
    /// ECDSA with SHA-256 on P-256.
    case es256 = "ES256"
    /// Ed25519.
    case edDSA = "EdDSA"
}

/// A public key of somebody who signs.
// Safety: libcrypto only reads the key, which lives as long as this.
@safe final class PublicKey: @unchecked Sendable {
    let algorithm: SigningAlgorithm
    private let key: OpaquePointer

    /// The key of a SubjectPublicKeyInfo; nil where it is none, or of a kind that is not taken.
    init?(_ bytes: [UInt8]) {
        guard
            let key = unsafe bytes.withUnsafeBufferPointer({
                unsafe cc_key_open($0.baseAddress, $0.count)
            })
        else { return nil }
        let bitCount = Int(unsafe cc_key_bit_count(key))
        let algorithm: SigningAlgorithm? =
            switch unsafe cc_key_kind_of(key) {
            case CC_RSA: (2048...16_384).contains(bitCount) ? .rs256 : nil
            case CC_EC_P256: .es256
            case CC_ED25519: .edDSA
            default: nil
            }
        guard let algorithm else {
            unsafe cc_key_close(key)
            return nil
        }
        self.algorithm = algorithm
        unsafe self.key = key
    }

    deinit { unsafe cc_key_close(key) }

    /// Whether it has signed that message.
    func hasSigned(_ message: [UInt8], _ signature: [UInt8]) -> Bool {
        guard let signature = algorithm == .es256 ? Self.der(of: signature) : signature,
            !signature.isEmpty
        else { return false }
        return unsafe message.withUnsafeBufferPointer { message in
            unsafe signature.withUnsafeBufferPointer { signature in
                unsafe cc_key_verifies(
                    key, message.baseAddress, message.count, signature.baseAddress,
                    signature.count)
            }
        } == 1
    }

    /// Two numbers of 32 bytes, as tokens have them, in DER.
    private static func der(of signature: [UInt8]) -> [UInt8]? {
        guard signature.count == 64 else { return nil }
        return DER.sequence(
            DER.integer(Array(signature[..<32])) + DER.integer(Array(signature[32...])))
    }

    // MARK: Files

    /// The keys of a PEM text.
    static func keys(inPEM text: String, path: String) throws(AccessError) -> [PublicKey] {
        func failure(_ expected: String, _ found: String) -> AccessError {
            .invalid(path: path, place: "", expected: expected, found: found)
        }
        var keys: [PublicKey] = []
        var rest = Substring(text)
        while let begin = rest.firstRange(of: "-----BEGIN ") {
            rest = rest[begin.upperBound...]
            guard let close = rest.firstRange(of: "-----") else {
                throw failure("a line that ends in -----", "none")
            }
            let kind = String(rest[..<close.lowerBound])
            rest = rest[close.upperBound...]
            guard kind == "PUBLIC KEY" else {
                throw failure("PEM of kind PUBLIC KEY", "another kind")
            }
            guard let end = rest.firstRange(of: "-----END PUBLIC KEY-----") else {
                throw failure("-----END PUBLIC KEY-----", "none")
            }
            let digits = rest[..<end.lowerBound].filter { !$0.isWhitespace }
            guard let data = Data(base64Encoded: digits), let key = PublicKey(Array(data)) else {
                throw failure(
                    "keys of RSA (2048 bits or more), ECDSA on P-256 or Ed25519", "another")
            }
            keys.append(key)
            rest = rest[end.upperBound...]
        }
        return keys
    }

    /// The key of a JSON Web Key (RFC 7517); nil for one that is not for signatures that are taken.
    ///
    /// - Throws: ``AccessError`` for one that is wrong, or a secret.
    static func key(
        inJWK object: JSONObject, path: String, place: String
    ) throws(AccessError)
        -> PublicKey?
    {
        func failure(_ expected: String) -> AccessError {
            .invalid(path: path, place: place, expected: expected, found: "another")
        }
        func number(_ name: String) throws(AccessError) -> [UInt8] {
            guard let text = object[name]?.stringValue, let bytes = Base64URL.decoded(text) else {
                throw failure("\(name) in base64url")
            }
            return bytes
        }
        if object["k"] != nil || object["d"] != nil {
            throw failure("a public key, and no secret")
        }
        if let use = object["use"]?.stringValue, use != "sig" { return nil }
        let bytes: [UInt8]
        switch (object["kty"]?.stringValue, object["crv"]?.stringValue) {
        case ("RSA"?, _):
            bytes = DER.publicKey(
                DER.rsa + [5, 0],
                DER.sequence(DER.integer(try number("n")) + DER.integer(try number("e"))))
        case ("EC"?, "P-256"?):
            bytes = DER.publicKey(
                DER.ellipticCurve + DER.p256, [4] + (try number("x")) + (try number("y")))
        case ("OKP"?, "Ed25519"?): bytes = DER.publicKey(DER.ed25519, try number("x"))
        default: return nil
        }
        guard let key = PublicKey(bytes) else {
            throw failure("a key of RSA (2048 bits or more), ECDSA on P-256 or Ed25519")
        }
        if let name = object["alg"]?.stringValue, name != key.algorithm.rawValue { return nil }
        return key
    }
}

/// As much of DER (X.690) as keys and signatures are written in.
private enum DER {
    static let rsa: [UInt8] = [6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1]
    static let ellipticCurve: [UInt8] = [6, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1]
    static let p256: [UInt8] = [6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7]
    static let ed25519: [UInt8] = [6, 3, 0x2B, 0x65, 0x70]

    static func sequence(_ content: [UInt8]) -> [UInt8] { element(0x30, content) }

    /// A number without a sign, from its bytes.
    static func integer(_ bytes: [UInt8]) -> [UInt8] {
        let digits = bytes.drop { $0 == 0 }
        let needsZero = digits.first.map { $0 >= 0x80 } ?? true
        return element(2, (needsZero ? [0] : []) + digits)
    }

    /// A SubjectPublicKeyInfo.
    static func publicKey(_ algorithm: [UInt8], _ key: [UInt8]) -> [UInt8] {
        sequence(sequence(algorithm) + element(3, [0] + key))
    }

    private static func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        let count = content.count
        if count < 0x80 { return [tag, UInt8(count)] + content }
        var digits: [UInt8] = []
        var rest = count
        while rest > 0 {
            digits.insert(UInt8(rest & 0xFF), at: 0)
            rest >>= 8
        }
        return [tag, 0x80 | UInt8(digits.count)] + digits + content
    }
}
