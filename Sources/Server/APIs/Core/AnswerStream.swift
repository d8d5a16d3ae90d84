// SPDX-License-Identifier: Apache-2.0

import HTTP
import JSON
import Logging
import Serving

/// Turns the events of a request into the chunks of a stream, without any I/O.
protocol AnswerStream: Sendable {
    /// What is sent before anything is generated.
    mutating func opening() -> [JSONObject]

    /// What an event adds; often nothing.
    ///
    /// - Parameter event: the next event; never a failure.
    /// - Returns: chunks.
    mutating func chunks(for event: AnswerEvent) -> [JSONObject]

    /// How the stream says that it failed; nothing follows.
    mutating func failure(_ error: APIError) -> [JSONObject]
}

extension APIServer {
    /// Sends the chunks of a stream as they come, and comments while none do.
    func respond(
        with stream: any AnswerStream, to answer: Answer, _ context: RequestContext
    ) -> ServerResponse {
        // Half the interval: a silence is noticed at the second tick at the latest.
        let interval = configuration.keepAliveInterval / 2
        return .events { writer in
            var stream = stream
            var isSilent = false
            do {
                for chunk in stream.opening() { try await writer.write(Self.frame(chunk)) }
                try await answer.forEach(tickingEvery: interval) { item in
                    switch item {
                    case .tick:
                        if isSilent {
                            try await writer.write(ServerSentEvents.comment("keep-alive"))
                        }
                        isSilent = true
                    case .event(.failed(_, let error)): throw APIError(error)
                    case .event(let event):
                        if case .usage(_, let usage) = event { context.record.consumed(usage) }
                        let chunks = stream.chunks(for: event)
                        if chunks.isEmpty { break }
                        isSilent = false
                        try await writer.write(chunks.flatMap(Self.frame))
                    }
                }
                try await writer.write(ServerSentEvents.encode(data: "[DONE]"))
            } catch let error as APIError {
                logger.error("stream failed: \(error)")
                try await writer.write(stream.failure(error).flatMap(Self.frame))
            }
        }
    }

    private static func frame(_ chunk: JSONObject) -> [UInt8] {
        ServerSentEvents.encode(data: chunk.serialized())
    }
}
