// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import Foundation
import Generation
import JSON
import ServingSupport
import TestSupport
import Testing

/// What a token of an issuer opens.
@Suite struct TokenAccessTests {
    private static let secret = Array("0123456789abcdef0123456789abcdef-secret".utf8)

    private let client: TestClient
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        let secret = PrivateFile("\(folder.path)/secret")
        try secret.write(Self.secret)
        var object = try #require(try JSONParser.parse(KeyFile().bytes).objectValue)
        object["tenants"] = [
            [
                "name": "gold", "claims": ["tier": "gold"], "requests-per-minute": 2,
                "models": ["small"],
            ],
            ["name": "staff", "claims": ["groups": "staff"], "families": ["chat"]],
        ]
        let keys = PrivateFile("\(folder.path)/keys")
        try keys.write(JSONValue.object(object).serializedBytes())
        let issuer = try TokenIssuer(
            .init(
                keyFile: nil, secretFile: secret.path, issuer: "i", audience: "cierzo", leeway: 0),
            unixTime: { 1000 })
        client = TestClient(
            access: try AccessControl(
                keys: try KeyRing(path: keys.path, unixTime: { 1000 }), issuer: issuer,
                clock: AccessClock(milliseconds: { 0 }, unixTime: { 1000 })))
    }

    /// A token of HS256 with these claims, in place of those that open the door.
    private func token(_ claims: JSONObject, secret: [UInt8] = Self.secret) throws -> String {
        var all: JSONObject = [
            "iss": "i", "aud": "cierzo", "sub": "user-1", "exp": 2000, "tier": "gold",
        ]
        for (name, value) in claims { all[name] = value }
        func text(_ bytes: [UInt8]) -> String {
            Data(bytes).base64EncodedString().replacing("+", with: "-")
                .replacing("/", with: "_").replacing("=", with: "")
        }
        let message =
            text(Array(#"{"alg":"HS256"}"#.utf8)) + "."
            + text(JSONValue.object(all).serializedBytes())
        return message + "."
            + text(try Cryptography.tag(of: Array(message.utf8), key: secret))
    }

    private func complete(
        _ claims: JSONObject = [:], path: String = "/v1/completions", secret: [UInt8] = Self.secret
    ) async throws -> Reply {
        try await client.post(
            path, #"{"model":"small","prompt":"ab"}"#,
            ["authorization": "Bearer \(try token(claims, secret: secret))"])
    }

    @Test func `a token opens what the first tenant of its claims may do`() async throws {
        #expect(try await complete().status == 200)
        let chats = try await complete(["tier": "tin", "groups": ["staff", "other"]])
        #expect(chats.status == 403)
        #expect(chats.text.contains("staff/user-1"))
        let nobody = try await complete(["tier": "tin"])
        #expect(nobody.status == 403)
        #expect(
            nobody.field("www-authenticate")?.hasPrefix(#"Bearer error="insufficient_scope""#)
                == true)
    }

    @Test func `each subject of a tenant has its limits to itself`() async throws {
        for subject in ["user-1", "user-2", "a name with \"signs\"\n"] {
            for status in [200, 200, 429] {
                #expect(try await complete(["sub": .string(subject)]).status == status)
            }
        }
        let scopes = Set(client.engine.requests.map(\.cacheScope))
        #expect(scopes.count == 3)
    }

    @Test(
        arguments: [
            ("/v1/completions", "error.code", "invalid_token"),
            ("/mistral/v1/completions", "type", "unauthorized"),
            ("/v1/messages", "error.type", "authentication_error"), ("/api/generate", "", ""),
        ])
    func `a token that opens nothing is 401 with its reason, in the vendor's shape`(
        path: String, member: String, value: String
    ) async throws {
        for (claims, reason) in [
            (["exp": 1000], "The token has expired."),
            (["nbf": 1001], "The token is not valid yet."),
            (["iss": "evil"], "The token is not from the issuer that is accepted."),
            (["aud": "other"], "The token is not for this audience."),
            (["sub": nil], "The token lacks the claim sub."),
        ] as [(JSONObject, String)] {
            let reply = try await complete(claims, path: path)
            #expect(reply.status == 401)
            #expect(
                reply.field("www-authenticate")
                    == #"Bearer error="invalid_token", error_description="\#(reason)""#)
            #expect(reply.text.contains(reason))
            let json = try reply.json
            let found = member.split(separator: ".").reduce(json) { $0[String($1)] ?? .null }
            if !member.isEmpty { #expect(found.stringValue == value) }
        }
        let forged = try await complete(path: path, secret: [1, 2, 3])
        #expect(forged.status == 401)
        #expect(forged.text.contains("signature"))
    }

    /// A public key of Ed25519, and a token that its owner has signed (`AccessTests`' goldens).
    private static let publicKey =
        #"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"wXN4E3PxVdTxsK7805CxRWSvQxysvOPqGphUJX2Us4k"}]}"#
    private static let signed =
        "eyJhbGciOiAiRWREU0EiLCAidHlwIjogIkpXVCIsICJraWQiOiAiZWQtMSJ9.eyJpc3MiOiAiaHR0cHM6Ly9sb2dp"
        + "bi5leGFtcGxlIiwgImF1ZCI6ICJjaWVyem8iLCAic3ViIjogInVzZXItMSIsICJleHAiOiAxODAwMDAwNjAwLCAi"
        + "bmJmIjogMTc5OTk5OTQwMCwgInRpZXIiOiAiZ29sZCIsICJncm91cHMiOiBbInN0YWZmIiwgInJlc2VhcmNoIl19."
        + "U825hA4Er3ctGyajdcqbniw4fgfdkLYNJWzYsthRcRW_-QILxwNrJn0a0QYfOS0sW-LdIujUYABgcxU_aftrBg"

    @Test func `who confuses the ways to sign is 401 with that reason`() async throws {
        let keys = try folder.write(Self.publicKey, to: "jwks")
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: keys)
        let clock = AccessClock(milliseconds: { 0 }, unixTime: { 1_800_000_000 })
        let issuer = try TokenIssuer(
            .init(
                keyFile: keys, secretFile: nil, issuer: "https://login.example",
                audience: "cierzo", leeway: 0), unixTime: clock.unixTime)
        let client = TestClient(
            access: try AccessControl(
                keys: try KeyRing(path: "\(folder.path)/keys", unixTime: clock.unixTime),
                issuer: issuer, clock: clock))
        func status(_ token: String) async throws -> (Int, String) {
            let reply = try await client.post(
                "/v1/completions", #"{"model":"small","prompt":"ab"}"#,
                ["authorization": "Bearer \(token)"])
            return (reply.status, reply.field("www-authenticate") ?? "")
        }
        func text(_ bytes: [UInt8]) -> String {
            Data(bytes).base64EncodedString().replacing("+", with: "-")
                .replacing("/", with: "_").replacing("=", with: "")
        }
        let parts = Self.signed.split(separator: ".").map(String.init)
        #expect(try await status(Self.signed).0 == 200)
        // By the bytes of the public key, and by its file, as if they were a secret.
        let key = try #require(
            Data(base64Encoded: "wXN4E3PxVdTxsK7805CxRWSvQxysvOPqGphUJX2Us4k="))
        for secret in [Array(key), Array(Self.publicKey.utf8), []] {
            let message = text(Array(#"{"alg":"HS256"}"#.utf8)) + "." + parts[1]
            let tag = try Cryptography.tag(of: Array(message.utf8), key: secret)
            let (code, reason) = try await status(message + "." + text(tag))
            #expect(code == 401)
            #expect(reason.contains("sign"))
        }
        for head in ["none", "None", "RS256", "ES256", "HS512", "EdDSA\u{0}", ""] {
            for signature in ["", parts[2]] {
                let alg = JSONValue.string(head).serialized()
                let message = text(Array(#"{"alg":\#(alg)}"#.utf8)) + "." + parts[1]
                let (code, reason) = try await status(message + "." + signature)
                #expect(code == 401, "\(head)")
                if !signature.isEmpty {
                    #expect(reason.hasPrefix(#"Bearer error="invalid_token""#))
                }
            }
        }
        // The right way, and another text.
        let other = text(Array(#"{"iss":"https://login.example","aud":"cierzo"}"#.utf8))
        #expect(try await status("\(parts[0]).\(other).\(parts[2])").0 == 401)
    }
}
