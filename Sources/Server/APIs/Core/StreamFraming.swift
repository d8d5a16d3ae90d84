// SPDX-License-Identifier: Apache-2.0

import HTTP

/// What a stream has besides what an answer says.
struct StreamFraming: Sendable {
    /// The content type.
    let contentType: String

    /// What breaks a silence, and no client takes for a part of the answer.
    let heartbeat: [UInt8]

    /// What ends a stream that has not failed.
    let ending: [UInt8]

    /// Server-sent events of OpenAI's and Mistral's chunks.
    static let chunks = StreamFraming(
        contentType: ServerSentEvents.contentType,
        heartbeat: ServerSentEvents.comment("keep-alive"),
        ending: ServerSentEvents.encode(data: "[DONE]"))
}
