// SPDX-License-Identifier: Apache-2.0

import Generation
import HTTP
import JSON
import Logging
import Serving

/// Turns the events of a request into the chunks of a stream, without any I/O.
protocol AnswerStream: Sendable {
    /// Whether everything has been said.
    var isComplete: Bool { get }

    /// What is sent before anything is generated.
    mutating func opening() -> [JSONObject]

    /// What an event adds; often nothing.
    ///
    /// - Parameters:
    ///   - event: the next event.
    ///   - prompt: which of the prompts it belongs to.
    /// - Returns: chunks.
    /// - Throws: `APIError` if the generation has failed.
    mutating func chunks(for event: GenerationEvent, prompt: Int) throws(APIError) -> [JSONObject]

    /// How the stream says that it failed; nothing follows.
    mutating func failure(_ error: APIError) -> [JSONObject]
}

extension APIServer {
    /// Sends the chunks of a stream as they come, and comments while none do.
    func respond(
        with stream: any AnswerStream, to requests: [GenerationEvents],
        _ context: RequestContext
    ) -> ServerResponse {
        // Half the interval: a silence is noticed at the second tick at the latest.
        let interval = configuration.keepAliveInterval / 2
        return .events { writer in
            var stream = stream
            var isSilent = false
            do {
                for chunk in stream.opening() { try await writer.write(Self.frame(chunk)) }
                try await EventRelay.forEach(of: requests, interval: interval) { item in
                    switch item {
                    case .tick:
                        if isSilent {
                            try await writer.write(ServerSentEvents.comment("keep-alive"))
                        }
                        isSilent = true
                    case .event(let prompt, let event):
                        if case .usage(let usage) = event { context.record.consumed(usage) }
                        let chunks = try stream.chunks(for: event, prompt: prompt)
                        if chunks.isEmpty { break }
                        isSilent = false
                        try await writer.write(chunks.flatMap(Self.frame))
                    }
                }
                guard stream.isComplete else {
                    throw APIError.unavailable(reason: "The generation was cancelled.")
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
