// SPDX-License-Identifier: Apache-2.0

import APIs
import Computation
import Generation
import HTTP
import JSON
import ServingSupport
import Testing

/// What `/v1/admin/doctor` and `/v1/admin/experts/{request}` say.
@Suite struct MachineReportTests {
    private static func client() -> TestClient {
        var configuration = APIServer.Configuration()
        configuration.examine = { measures in
            MachineExamination(
                findings: [.init(subject: "memory", grade: "good", found: "much", advice: nil)],
                readBytesPerSecond: measures ? 5e10 : nil)
        }
        return TestClient(configuration)
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

    @Test func `nothing is measured while models compute`() async throws {
        let client = Self.client()
        client.engine.statistics.runningSequences = 1
        #expect(try await client.post("/v1/admin/doctor", "{}").status == 503)
        #expect(try await client.get("/v1/admin/doctor").status == 200)
    }

    @Test func `the experts of a request are told token by token`() async throws {
        let client = TestClient()
        let usage = ExpertUsage(layerCount: 2, expertCount: 4, expertsPerToken: 2)
        usage.trace.watch(true)
        #expect(usage.trace.begin(tokenCount: 1))
        usage.trace.note([3, 1], rowCount: 1, tokens: nil, inLayer: 1)
        usage.trace.end()
        usage.trace.keep(
            "one", of: ClientNetwork(of: "").number, from: 5, [65], firstToken: 0)
        usage.trace.keep("other", of: 77, from: 5, [66], firstToken: 0)
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
