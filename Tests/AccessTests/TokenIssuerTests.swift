// SPDX-License-Identifier: Apache-2.0

import Access
import Foundation
import JSON
import TestSupport
import Testing

/// Tokens of an issuer, and what looks like them.
@Suite struct TokenIssuerTests {
    private static let goldens: JSONValue = {
        guard let url = Bundle.module.resourceURL,
            let bytes = try? contents(url.appendingPathComponent("Goldens/tokens.json").path),
            let value = try? JSONParser.parse(bytes)
        else { return .null }
        return value
    }()

    private static func texts(_ value: JSONValue?) -> [(name: String, text: String)] {
        value?.objectValue?.flatMap { name, value in
            (value.arrayValue ?? [value]).compactMap { $0.stringValue }
                .map { (name: name, text: $0) }
        } ?? []
    }

    private static let sound = texts(goldens["sound"])
    private static let refused = texts(goldens["refused"])
    private static let wrongFiles = texts(goldens["wrong_files"])
    private static let now = goldens["now"]?.intValue ?? 0

    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func write(_ text: String, to name: String, mode: Int = 0o600) throws -> String {
        let path = "\(folder.path)/\(name)"
        try PrivateFile(path).write(Array(text.utf8))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }

    /// What takes tokens by all keys of the goldens.
    private func issuer(
        pem: Bool = false, hasSecret: Bool = true, now: Int = now
    ) throws -> TokenIssuer {
        let keys =
            pem
            ? try #require(Self.goldens["pem"]?.stringValue)
            : try #require(Self.goldens["jwks"]).serialized()
        let secret = try #require(Self.goldens["secret"]?.stringValue)
        return try TokenIssuer(
            .init(
                keyFile: try write(keys, to: "keys", mode: 0o644),
                secretFile: hasSecret ? try write(secret + "\n", to: "secret") : nil,
                issuer: "https://login.example", audience: "cierzo", leeway: 30),
            unixTime: { now })
    }

    @Test(arguments: [false, true])
    func `a sound token tells its claims`(pem: Bool) throws {
        let issuer = try issuer(pem: pem)
        #expect(Self.sound.count >= 10)
        for (name, text) in Self.sound {
            let claims = try? issuer.claims(of: text)
            #expect(claims?["sub"] == "user-1", "\(name)")
            #expect(TokenIssuer.isToken(text))
        }
    }

    @Test(arguments: [false, true])
    func `every other token is refused for its own reason`(pem: Bool) throws {
        let issuer = try issuer(pem: pem)
        #expect(Self.refused.count >= 40)
        for (index, (reason, text)) in Self.refused.enumerated() {
            // PEM has no names of keys, so that any key may have the name.
            let kid = Self.isOfUnknownName(text)
            if pem, kid { continue }
            let error = #expect(throws: TokenRefusal.self, "\(index) \(reason)") {
                try issuer.claims(of: text)
            }
            guard let error else { continue }
            #expect(Self.name(of: error) == reason, "\(index) \(text.prefix(60))")
            // Nothing of a token stands in what is said of it.
            #expect(!error.description.contains("\""))
        }
    }

    private static func name(of refusal: TokenRefusal) -> String {
        switch refusal {
        case .malformed: "malformed"
        case .algorithm: "algorithm"
        case .signature: "signature"
        case .issuer: "issuer"
        case .audience: "audience"
        case .expired: "expired"
        case .early: "early"
        case .missing: "missing"
        case .tenant: "tenant"
        }
    }

    private static func isOfUnknownName(_ text: String) -> Bool {
        let head = text.prefix { $0 != "." }
        let padded = head + String(repeating: "=", count: (4 - head.count % 4) % 4)
        guard let data = Data(base64Encoded: String(padded)) else { return false }
        return String(decoding: data, as: UTF8.self).contains("rsa-2")
    }

    @Test func `without a secret no token of HS256 is taken, whatever signed it`() throws {
        let issuer = try issuer(hasSecret: false)
        for (name, text) in Self.sound where name == "hs256" {
            #expect(throws: TokenRefusal.algorithm) { try issuer.claims(of: text) }
        }
        let secret = try write(
            try #require(Self.goldens["secret"]?.stringValue), to: "secret")
        let symmetric = try TokenIssuer(
            .init(
                keyFile: nil, secretFile: secret, issuer: "https://login.example",
                audience: "cierzo", leeway: 0),
            unixTime: { Self.now })
        for (name, text) in Self.sound where ["rs256", "es256", "eddsa"].contains(name) {
            #expect(throws: TokenRefusal.algorithm) { try symmetric.claims(of: text) }
        }
    }

    @Test func `a token ends in its second, clocks being allowed their difference`() throws {
        let text = try #require(Self.sound.first { $0.name == "rs256" }?.text)
        #expect(try issuer(now: Self.now + 629).claims(of: text)["sub"] == "user-1")
        let late = try issuer(now: Self.now + 630)
        #expect(throws: TokenRefusal.expired) { try late.claims(of: text) }
    }

    @Test(arguments: wrongFiles.map { $0.name })
    func `a file of other keys is refused`(name: String) throws {
        let text = try #require(Self.wrongFiles.first { $0.name == name }?.text)
        let path = try write(text, to: "keys")
        #expect(throws: AccessError.self) {
            try TokenIssuer(
                .init(keyFile: path, secretFile: nil, issuer: "i", audience: "a", leeway: 0),
                unixTime: { 0 })
        }
    }

    @Test func `nobody else may write the keys, nor read the secret`() throws {
        let keys = try #require(Self.goldens["jwks"]).serialized()
        for mode in [0o664, 0o646] {
            let path = try write(keys, to: "keys", mode: mode)
            #expect(throws: AccessError.exposed(path: path, mode: mode)) {
                try TokenIssuer(
                    .init(keyFile: path, secretFile: nil, issuer: "i", audience: "a", leeway: 0),
                    unixTime: { 0 })
            }
        }
        let secret = String(repeating: "s", count: 32)
        for (text, mode) in [
            (secret, 0o640), (String(secret.dropLast()), 0o600), ("", 0o600),
            (Self.goldens["pem"]?.stringValue ?? "", 0o600),
        ] {
            let path = try write(text, to: "secret", mode: mode)
            #expect(throws: AccessError.self) {
                try TokenIssuer(
                    .init(keyFile: nil, secretFile: path, issuer: "i", audience: "a", leeway: 0),
                    unixTime: { 0 })
            }
        }
    }

    @Test func `new keys are taken when their file changes, and broken ones are not`() throws {
        let issuer = try issuer(hasSecret: false)
        let text = try #require(Self.sound.first { $0.name == "es256" }?.text)
        #expect(issuer.reload() == .none)
        _ = try write("{", to: "keys", mode: 0o644)
        guard case .kept = issuer.reload() else {
            Issue.record("broken keys were taken")
            return
        }
        #expect(try issuer.claims(of: text)["sub"] == "user-1")
        let first = try #require(Self.goldens["jwks"]?["keys"]?[0])
        _ = try write(
            JSONValue.object(["keys": [first]]).serialized(), to: "keys", mode: 0o644)
        #expect(issuer.reload() == .loaded(keyCount: 1))
        #expect(throws: TokenRefusal.algorithm) { try issuer.claims(of: text) }
    }

    @Test func `bytes of any kind are no token`() throws {
        let issuer = try issuer()
        var generator = SystemRandomNumberGenerator()
        let letters = Array("abcXYZ019-_.={}\"é\u{0} ")
        for _ in 0..<2000 {
            let count = Int.random(in: 0..<60, using: &generator)
            let text = String((0..<count).map { _ in letters[Int.random(in: 0..<letters.count)] })
            #expect(throws: TokenRefusal.self) { try issuer.claims(of: text) }
        }
    }
}
