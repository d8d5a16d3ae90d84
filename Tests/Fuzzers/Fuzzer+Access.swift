// SPDX-License-Identifier: Apache-2.0

import Access
import Foundation
import JSON

extension Fuzzer {
    /// The readers of keys and tokens.
    static let access = [keyFile, issuerKeys, token]

    /// Files of keys: what is read is written so that it reads the same.
    private static let keyFile = Fuzzer("key-file") { input in
        let file = try KeyFile(input, path: "keys")
        let again = try? KeyFile(file.bytes, path: "keys")
        return again == file ? nil : "does not read back"
    }

    /// An issuer's public keys: no more of them than the bytes have room for, and no secret among them.
    private static let issuerKeys = Fuzzer("issuer-keys") { input in
        let count = try TokenIssuer.keyCount(in: input, path: "keys")
        // The shortest key is that of Ed25519: 32 bytes, 43 digits in base64.
        guard count * 43 <= input.count else { return "\(count) keys in \(input.count) bytes" }
        guard count > 0, let list = (try? JSONParser.parse(input))?["keys"]?.arrayValue else {
            return nil
        }
        return list.contains { $0["d"] != nil || $0["k"] != nil } ? "a secret is taken" : nil
    }

    /// Tokens, of a header and claims that are signed by their issuer, by somebody else, or not at all.
    private static let token = Fuzzer("token") { input in
        let issuer = try Issuer.shared.get()
        if (try? issuer.claims(of: input.text)) != nil { return "a token without a secret opens" }
        let parts = input.parts(2)
        let message = Issuer.text(parts[0]) + "." + Issuer.text(parts[1])
        let forged = try Issuer.signed(message, Array(repeating: 1, count: 32))
        if (try? issuer.claims(of: forged)) != nil { return "another secret opens" }
        let claims = try issuer.claims(of: try Issuer.signed(message, Issuer.secret))
        let isSound =
            claims["iss"] == "i" && claims["sub"]?.stringValue != nil
            && claims["exp"]?.doubleValue ?? 0 > 1000
        return isSound ? nil : "it lacks a claim"
    }

    /// Takes tokens that are signed with a secret which is here.
    private enum Issuer {
        static let secret = Array("0123456789abcdef0123456789abcdef".utf8)

        static let shared = Result {
            let path = FileManager.default.temporaryDirectory
                .appendingPathComponent("cierzo-\(UUID().uuidString)").path
            defer { try? FileManager.default.removeItem(atPath: path) }
            try PrivateFile(path).write(secret)
            return try TokenIssuer(
                .init(keyFile: nil, secretFile: path, issuer: "i", audience: "a", leeway: 0),
                unixTime: { 1000 })
        }

        static func text(_ bytes: [UInt8]) -> String {
            Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
                .replacing("=", with: "")
        }

        static func signed(_ message: String, _ secret: [UInt8]) throws -> String {
            let tag = try Cryptography.tag(of: Array(message.utf8), key: secret)
            return message + "." + text(tag)
        }
    }
}
