// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import HTTPTypes
import JSON
import TestSupport
import Testing

/// What operators do to the file of keys by the API.
@Suite struct KeyRouteTests {
    static let path = "/v1/admin/keys"

    private let folder: TemporaryFolder
    private let file: PrivateFile
    private let keyed: KeyedClient

    init() throws {
        folder = try TemporaryFolder()
        file = PrivateFile("\(folder.path)/keys")
        try file.write(KeyFile().bytes)
        var configuration = APIServer.Configuration()
        configuration.keyFile = file
        keyed = try Self.keyed(configuration)
    }

    private static func keyed(
        _ configuration: APIServer.Configuration, isAccounted: Bool = false
    ) throws -> KeyedClient {
        try KeyedClient(
            [
                "plain": AccessLimits(), "admin": .with { $0.isAdmin = true },
                "held": .with {
                    $0.isAdmin = true
                    $0.models = ["small"]
                },
            ], configuration: configuration, isAccounted: isAccounted)
    }

    private func end(_ name: String) async throws -> Reply {
        try await keyed.client.send(
            .delete, "\(Self.path)/\(name)", "", keyed.fields("admin"))
    }

    @Test func `a key is made, told once, listed without its secret, and ended`() async throws {
        let made = try await keyed.post(
            Self.path,
            #"{"name":"team","admin":true,"tokens_per_day":1000,"expires_in_seconds":60}"#,
            as: "admin")
        #expect(made.status == 200)
        let secret = try #require(try made.json["key"]?.stringValue)
        let ring = try KeyRing(path: file.path, unixTime: { 7 })
        guard case .unverified(let candidate) = try ring.sight(secret) else {
            Issue.record("the secret opens nothing")
            return
        }
        #expect(try ring.verify(candidate)?.name == "team")
        let list = try await keyed.get(Self.path, as: "admin")
        #expect(!list.text.contains(secret) && !list.text.contains("scrypt"))
        let key = try #require(try list.json["data"]?[0])
        #expect(key["name"] == "team")
        #expect(key["live"] == true)
        #expect(key["expires"]?.intValue == keyed.clock.seconds + 60)
        #expect(key["limits"] == ["tokens-per-day": 1000, "admin": true])
        #expect(try await end("team").status == 200)
        #expect(try await keyed.get(Self.path, as: "admin").json["data"] == [])
        #expect(try await end("team").status == 404)
    }

    @Test func `the record of a change says of which key`() async throws {
        var configuration = APIServer.Configuration()
        configuration.keyFile = file
        let keyed = try Self.keyed(configuration, isAccounted: true)
        _ = try await keyed.post(Self.path, #"{"name":"team"}"#, as: "admin")
        for name in ["team", "none"] {
            _ = try await keyed.client.send(
                .delete, "\(Self.path)/\(name)", "", keyed.fields("admin"))
        }
        let records = try keyed.records()
        #expect(records.map { $0["subject"] } == ["team", "team", "none"])
        #expect(records.map { $0["status"] } == [200, 200, 404])
    }

    @Test(arguments: [#"{"name":"a b"}"#, #"{"name":""}"#, #"{"name":"twice"}"#])
    func `a name that cannot be is refused by that field`(body: String) async throws {
        _ = try await keyed.post(Self.path, #"{"name":"twice"}"#, as: "admin")
        let reply = try await keyed.post(Self.path, body, as: "admin")
        #expect(reply.status == 400)
        #expect(try reply.json["error"]?["param"] == "name")
    }

    @Test func `a wrong value is refused by the name of its field`() async throws {
        let served = try #require(
            ServedContract.all.first { $0.path == Self.path && $0.method == "POST" })
        let names = try #require(served.contract?.request?.names)
        #expect(names.count == 7 + NumericLimit.all.count)
        for name in names {
            let reply = try await keyed.post(Self.path, #"{"\#(name)":[]}"#, as: "admin")
            #expect(reply.status == 400)
            #expect(try reply.json["error"]?["param"] == .string(name))
        }
    }

    @Test func `a key is held to all that a file can hold it to`() async throws {
        let made = try await keyed.post(
            Self.path,
            #"{"name":"held","models":["small","large"],"families":["chat","batches"],"weight":3,"#
                + #""batch":false,"audit_content":true}"#, as: "admin")
        #expect(made.status == 200, "\(made.text)")
        let key = try KeyFile(file.read(), path: "").key(named: "held")
        #expect(key.limits.models == ["small", "large"])
        #expect(key.limits.families == [.chat, .batches])
        #expect(key.limits.weight == 3)
        #expect(!key.limits.mayBatch && key.limits.keepsContent && !key.limits.isAdmin)
    }

    @Test(arguments: [
        ("requests-per-minute", "1"), ("model", #""small""#), ("expires", "7"),
        ("audit-content", "true"),
        ("<x>", "null"),
    ])
    func `a field that no key has is refused by its name, and no key is made`(
        name: String, value: String
    ) async throws {
        let reply = try await keyed.post(
            Self.path, #"{"name":"x","\#(name)":\#(value)}"#, as: "admin")
        #expect(reply.status == 400)
        let param = try reply.json["error"]?["param"]?.stringValue
        #expect(param == (name == "<x>" ? "?x?" : name))
        #expect(reply.text.contains("requests_per_minute"))
        #expect(try KeyFile(file.read(), path: "").keys.isEmpty)
    }

    @Test(arguments: ["models", "families"])
    func `a list that holds a key to nothing, or to what there is not, is refused`(
        name: String
    ) async throws {
        for (value, param) in [
            ("[]", name), ("[1]", name + "[0]"), (#""chat""#, name), (#"[["chat"]]"#, name + "[0]"),
        ] {
            let reply = try await keyed.post(Self.path, #"{"\#(name)":\#(value)}"#, as: "admin")
            #expect(reply.status == 400)
            #expect(try reply.json["error"]?["param"]?.stringValue == param)
        }
        let admin = try await keyed.post(Self.path, #"{"families":["admin"]}"#, as: "admin")
        #expect(admin.status == 400)
    }

    @Test func `a name that is taken is told in words`() async throws {
        _ = try await keyed.post(Self.path, #"{"name":"twice"}"#, as: "admin")
        let reply = try await keyed.post(Self.path, #"{"name":"twice"}"#, as: "admin")
        let message = try reply.json["error"]?["message"]?.stringValue
        #expect(message == "name: there is a key 'twice' already")
    }

    @Test func `a key opens the server as soon as it is made, and not once it has ended`()
        async throws
    {
        let keyed = try KeyedClient(["admin": .with { $0.isAdmin = true }], managesKeys: true)
        let made = try await keyed.post(Self.path, #"{"name":"team"}"#, as: "admin")
        let secret = try #require(try made.json["key"]?.stringValue)
        let fields = ["authorization": "Bearer \(secret)"]
        #expect(try await keyed.client.get("/v1/models", fields).status == 200)
        let ended = try await keyed.client.send(
            .delete, "\(Self.path)/team", "", keyed.fields("admin"))
        #expect(ended.status == 200)
        #expect(try await keyed.client.get("/v1/models", fields).status == 401)
    }

    @Test func `a key that ends makes none that outlives it`() async throws {
        let keyed = try KeyedClient(
            ["ending": .with { $0.isAdmin = true }], ending: ["ending": 100], managesKeys: true)
        for body in ["{}", #"{"expires_in_seconds":101}"#] {
            let reply = try await keyed.post(Self.path, body, as: "ending")
            #expect(reply.status == 400)
            #expect(try reply.json["error"]?["param"] == "expires_in_seconds")
            #expect(reply.text.contains("at most 100"))
        }
        let made = try await keyed.post(Self.path, #"{"expires_in_seconds":100}"#, as: "ending")
        #expect(made.status == 200)
    }

    @Test(arguments: NumericLimit.all.map(\.name) + ["batch", "audit-content", "families"])
    func `a key that is held to anything makes none`(name: String) async throws {
        let held = AccessLimits.with { limits in
            limits.isAdmin = true
            switch name {
            case "batch": limits.mayBatch = false
            case "audit-content": limits.keepsContent = true
            case "families": limits.families = [.chat]
            default:
                for limit in NumericLimit.all where limit.name == name {
                    limit.set(limit.range.upperBound, in: &limits)
                }
            }
        }
        let keyed = try KeyedClient(["held": held], managesKeys: true)
        let reply = try await keyed.post(Self.path, "{}", as: "held")
        #expect(reply.status == 403)
        #expect(reply.text.contains(name))
        let end = try await keyed.client.send(
            .delete, "\(Self.path)/held", "", keyed.fields("held"))
        #expect(end.status == 403)
    }

    @Test func `a server without a file of keys has none to show or change`() async throws {
        let keyed = try Self.keyed(.init())
        #expect(try await keyed.get(Self.path, as: "admin").status == 404)
        #expect(try await keyed.post(Self.path, "{}", as: "admin").status == 404)
    }

    @Test func `only an operator who is held to nothing may change keys`() async throws {
        #expect(try await keyed.post(Self.path, "{}", as: "plain").status == 403)
        #expect(try await keyed.post(Self.path, "{}", as: "held").status == 403)
        #expect(try await keyed.post(Self.path, "{}", as: "admin").status == 200)
        #expect(try await keyed.get(Self.path, as: "plain").status == 403)
        #expect(try await keyed.client.post(Self.path, "{}").status == 401)
        #expect(try await TestClient().post(Self.path, "{}").status == 403)
    }
}
