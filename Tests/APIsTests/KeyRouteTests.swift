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

    private static func keyed(_ configuration: APIServer.Configuration) throws -> KeyedClient {
        try KeyedClient(
            [
                "plain": AccessLimits(), "admin": .with { $0.isAdmin = true },
                "held": .with {
                    $0.isAdmin = true
                    $0.models = ["small"]
                },
            ], configuration: configuration)
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
        #expect(key["expires"] == 67)
        #expect(key["limits"] == ["tokens-per-day": 1000, "admin": true])
        #expect(try await end("team").status == 200)
        #expect(try await keyed.get(Self.path, as: "admin").json["data"] == [])
        #expect(try await end("team").status == 404)
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
        #expect(names.count == 3 + NumericLimit.all.count)
        for name in names {
            let reply = try await keyed.post(Self.path, #"{"\#(name)":[]}"#, as: "admin")
            #expect(reply.status == 400)
            #expect(try reply.json["error"]?["param"] == .string(name))
        }
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
