// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import JSON
import Testing

/// What operators see of the records by the API.
@Suite struct AuditRouteTests {
    private static let path = "/v1/admin/audit"

    private static func keyed() throws -> KeyedClient {
        try KeyedClient(
            ["plain": AccessLimits(), "admin": .with { $0.isAdmin = true }], isAccounted: true)
    }

    @Test func `records are searched, shown and gone on with`() async throws {
        let keyed = try Self.keyed()
        for _ in 0..<3 { #expect(try await keyed.complete(as: "plain").status == 200) }
        let found = try await keyed.get("\(Self.path)?key=plain&limit=2", as: "admin").json
        #expect(found["data"]?.arrayValue?.count == 2)
        #expect(found["has_more"] == true)
        #expect(found["problems"] == [])
        let first = try #require(found["data"]?[0])
        #expect(first["name"] == "plain" && first["model"] == "maker/model")
        #expect(first["sealed_for"] == .null && first["content"] == nil)
        #expect(first["sequence"] == 3)
        let place = try #require(first["place"]?.stringValue)
        let one = try await keyed.get("\(Self.path)/\(place)", as: "admin").json
        #expect(one["request"] == first["request"])
        #expect(one["sealed"] == .null)
        let next = try #require(found["next"]?.stringValue)
        let rest = try await keyed.get("\(Self.path)?key=plain&before=\(next)", as: "admin").json
        #expect(rest["data"]?.arrayValue?.compactMap { $0["sequence"]?.intValue } == [1])
        #expect(rest["next"] == .null)
    }

    @Test(arguments: [
        ("limit=0", "limit"), ("limit=201", "limit"), ("start=x", "start"), ("before=x", "before"),
        ("keys=a", "keys"), ("before=1-%31%FF", "before"),
    ])
    func `what cannot be looked for is refused by its name`(
        query: String, name: String
    ) async throws {
        let reply = try await Self.keyed().get("\(Self.path)?\(query)", as: "admin")
        #expect(reply.status == 400)
        #expect(try reply.json["error"]?["param"]?.stringValue == name)
    }

    @Test func `only an operator's key sees records, where there are some`() async throws {
        let keyed = try Self.keyed()
        for path in [Self.path, Self.path + "/1-0"] {
            #expect(try await keyed.get(path, as: "plain").status == 403)
            #expect(try await keyed.client.get(path).status == 401)
            #expect(try await TestClient().get(path).status == 403)
        }
        #expect(try await keyed.post(Self.path + "/replay", "{}", as: "plain").status == 403)
        let bare = try KeyedClient(["admin": .with { $0.isAdmin = true }])
        #expect(try await bare.get(Self.path, as: "admin").status == 404)
        #expect(try await bare.get(Self.path + "/1-0", as: "admin").status == 404)
        let replay = try await bare.post(
            Self.path + "/replay", #"{"place":"1-0","content":"{}"}"#, as: "admin")
        #expect(replay.status == 404)
    }

    @Test(arguments: [
        (#"{"content":"{}"}"#, "place"), (#"{"place":"1-0"}"#, "content"),
        (#"{"place":"x","content":"{}"}"#, "place"), (#"{"place":1,"content":"{}"}"#, "place"),
        (#"{"place":"1-0","content":"{}"}"#, "content"),
        (#"{"place":"1-0","content":"x"}"#, "content"),
    ])
    func `what cannot be answered again is refused by its name`(
        body: String, name: String
    ) async throws {
        let reply = try await Self.keyed().post(Self.path + "/replay", body, as: "admin")
        #expect(reply.status == 400)
        #expect(try reply.json["error"]?["param"]?.stringValue == name)
    }

    @Test func `a place without a record is told as such`() async throws {
        for place in ["1-7", "9-0", "x"] {
            let reply = try await Self.keyed().get("\(Self.path)/\(place)", as: "admin")
            #expect(reply.status == 404)
        }
    }
}
