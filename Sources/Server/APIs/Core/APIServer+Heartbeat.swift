// SPDX-License-Identifier: Apache-2.0

import HTTP
import HTTPTypes
import JSON

extension APIServer {
    /// Answers with the JSON that is computed, all at once.
    ///
    /// With heartbeats the status is sent before: white space, which JSON allows before a value,
    /// resets the read timeouts of both SDKs until the answer is there. A failure then breaks the
    /// connection off, for a 200 must not carry an error.
    func respond(
        _ compute: @escaping @Sendable () async throws(APIError) -> [UInt8]
    ) async throws(APIError) -> ServerResponse {
        guard configuration.sendsHeartbeats else {
            return ServerResponse(
                status: .ok, contentType: "application/json", body: try await compute())
        }
        let interval = configuration.keepAliveInterval
        var head = HTTPResponse(status: .ok)
        head.headerFields[.contentType] = "application/json"
        return ServerResponse(
            head: head,
            body: .stream { writer in
                let json = try await withThrowingTaskGroup(of: [UInt8]?.self) { group in
                    group.addTask { try await compute() }
                    group.addTask {
                        while true {
                            try await Task.sleep(for: interval)
                            try await writer.write([UInt8(ascii: " ")])
                        }
                    }
                    let json = try await group.next() ?? nil
                    group.cancelAll()
                    return json ?? []
                }
                try await writer.write(json)
            })
    }

    /// The JSON of an answer: long ones are written where long bodies are read.
    ///
    /// - Parameters:
    ///   - tokenCount: how many tokens it may tell of.
    ///   - context: who asked.
    ///   - make: makes the JSON.
    /// - Returns: its bytes.
    /// - Throws: what `make` throws.
    func written(
        _ tokenCount: Int, _ context: RequestContext,
        _ make: @escaping @Sendable () throws(APIError) -> JSONValue
    ) async throws(APIError) -> [UInt8] {
        if tokenCount <= 1024 { return try make().serializedBytes() }
        return try await workers.run(
            tokenCount * 64, for: context.client, isRefusable: false
        ) { () throws(APIError) in try make().serializedBytes() }
    }
}
