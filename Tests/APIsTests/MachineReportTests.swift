// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import Computation
import Dispatch
import Generation
import HTTP
import JSON
import ServingSupport
import Testing

/// What `/v1/admin/doctor` and `/v1/admin/experts/{request}` say.
@Suite struct MachineReportTests {
    private static func client() -> TestClient { TestClient(configuration()) }

    private static func configuration(
        _ isBegun: @escaping @Sendable () -> Void = {}
    ) -> APIServer.Configuration {
        var configuration = APIServer.Configuration()
        configuration.examine = { measures in
            if measures { isBegun() }
            return MachineExamination(
                findings: [.init(subject: "memory", grade: "good", found: "much", advice: nil)],
                readBytesPerSecond: measures ? 5e10 : nil)
        }
        return configuration
    }

    @Test func `the machine is examined, and measured where that is asked for`() async throws {
        let client = Self.client()
        let found = try await client.get("/v1/admin/doctor").json
        #expect(
            found["findings"]
                == [["subject": "memory", "grade": "good", "found": "much", "advice": nil]])
        #expect(found["read_bytes_per_second"] == .null)
        let measured = try await client.post("/v1/admin/doctor", "{}").json
        #expect(measured["read_bytes_per_second"] == 50_000_000_000)
    }

    @Test func `nothing is measured while models compute, or are asked to`() async throws {
        let client = Self.client()
        client.engine.statistics.runningSequences = 1
        #expect(try await client.post("/v1/admin/doctor", "{}").status == 503)
        #expect(try await client.get("/v1/admin/doctor").status == 200)
        client.engine.statistics.runningSequences = 0
        client.engine.statistics.waitingSequences = 1
        #expect(try await client.post("/v1/admin/doctor", "{}").status == 503)
    }

    @Test func `one measures at a time, and nobody else waits for it`() async throws {
        let (begun, told) = AsyncStream.makeStream(of: Void.self)
        let goesOn = DispatchSemaphore(value: 0)
        let client = TestClient(
            Self.configuration {
                told.yield()
                goesOn.wait()
            })
        let first = Task { try await client.post("/v1/admin/doctor", "{}").status }
        for await _ in begun { break }
        let second = try await client.post("/v1/admin/doctor", "{}")
        #expect(second.status == 503)
        #expect(second.text.contains("is being measured already"))
        #expect(second.field("retry-after") == "10")
        #expect(try await client.get("/v1/admin/doctor").status == 200)
        #expect(
            try await client.post("/v1/completions", #"{"model":"small","prompt":"a"}"#).status
                == 200)
        goesOn.signal()
        #expect(try await first.value == 200)
        goesOn.signal()
        #expect(try await client.post("/v1/admin/doctor", "{}").status == 200)
    }

    @Test func `only an operator has the machine examined, or sees its experts`() async throws {
        let keyed = try KeyedClient(
            ["plain": AccessLimits(), "admin": .with { $0.isAdmin = true }],
            configuration: Self.configuration())
        for path in ["/v1/admin/doctor", "/v1/admin/experts"] {
            #expect(try await keyed.get(path, as: "plain").status == 403)
            #expect(try await keyed.client.get(path).status == 401)
            #expect(try await keyed.get(path, as: "admin").status == 200)
        }
        #expect(try await keyed.post("/v1/admin/doctor", "{}", as: "plain").status == 403)
        #expect(try await keyed.post("/v1/admin/doctor", "{}", as: "admin").status == 200)
        #expect(try await keyed.get("/v1/admin/experts/one", as: "plain").status == 403)
        #expect(try await keyed.get("/v1/admin/experts/one", as: "admin").status == 404)
    }

    @Test func `the experts of a request are told token by token`() async throws {
        let client = TestClient()
        let usage = ExpertUsage(layerCount: 2, expertCount: 4, expertsPerToken: 2)
        usage.trace.watch(true)
        #expect(usage.trace.begin(tokenCount: 1))
        usage.trace.note([3, 1], rowCount: 1, tokens: nil, inLayer: 1)
        usage.trace.end()
        usage.trace.keep(
            1, named: "one", of: ClientNetwork(of: "").number, from: 5, [65], firstToken: 0)
        usage.trace.keep(2, named: "other", of: 77, from: 5, [66], firstToken: 0)
        client.engine.statistics.expertUsage = usage
        let report = try await client.get("/v1/admin/experts/one")
        #expect(
            report.text == #"{"object":"expert.routing","request":"one","model":"maker/model","#
                + #""layer_count":2,"expert_count":4,"experts_per_token":2,"#
                + #""tokens":[{"position":5,"id":65,"text":"A","experts":[[],[3,1]]}]}"#)
        #expect(try await client.get("/v1/admin/experts/two").status == 404)
        // What somebody else asked is nobody's business.
        #expect(try await client.get("/v1/admin/experts/other").status == 404)
    }
}
