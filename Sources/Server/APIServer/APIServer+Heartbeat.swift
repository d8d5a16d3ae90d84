// SPDX-License-Identifier: Apache-2.0

import APITypes
import HTTP
import HTTPTypes
import JSON

extension APIServer {
    /// Answers with what is computed, all at once.
    ///
    /// With heartbeats the status is sent before: white space, which JSON allows before a value,
    /// resets the read timeouts of both SDKs until the answer is there. A failure then breaks the
    /// connection off, for a 200 must not carry an error.
    func respond(
        _ compute: @escaping @Sendable () async throws(APIError) -> JSONValue
    ) async throws(APIError) -> ServerResponse {
        guard configuration.sendsHeartbeats else {
            return ServerResponse(json: try await compute())
        }
        let interval = configuration.keepAliveInterval
        var head = HTTPResponse(status: .ok)
        head.headerFields[.contentType] = "application/json"
        return ServerResponse(
            head: head,
            body: .stream { writer in
                let json = try await withThrowingTaskGroup(of: JSONValue?.self) { group in
                    group.addTask { try await compute() }
                    group.addTask {
                        while true {
                            try await Task.sleep(for: interval)
                            try await writer.write([UInt8(ascii: " ")])
                        }
                    }
                    let json = try await group.next() ?? nil
                    group.cancelAll()
                    return json ?? .null
                }
                try await writer.write(json.serializedBytes())
            })
    }
}
