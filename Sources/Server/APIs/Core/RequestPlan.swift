// SPDX-License-Identifier: Apache-2.0

import Generation
import HTTP
import Serving

/// What a request has become once it was read: no more than its answer needs.
enum RequestPlan: Sendable {
    /// There is nothing left to do.
    case response(ServerResponse)

    /// An answer is to be generated.
    case generation(PlannedAnswer)

    /// Embeddings are to be computed.
    case embedding(PlannedEmbedding)

    /// A response that waits for something else than a model.
    case later(@Sendable (RequestContext) async throws(APIError) -> ServerResponse)

    /// JSON that takes long to compute.
    case json(@Sendable (RequestContext) async throws(APIError) -> [UInt8])
}

/// An answer that is about to be generated.
struct PlannedAnswer: Sendable {
    /// What generates.
    let model: ServedModel

    /// What is generated, one for each prompt.
    var requests: [GenerationRequest]

    /// How the choices are read, where they may be more than text.
    var reading: AnswerReading?

    /// Where that came from.
    let fields: QuestionFields

    /// How the answer is written.
    let codec: any AnswerCodec
}

extension APIError {
    /// Reads a body; an error in it becomes the API's.
    static func reading<Request>(
        _ read: () throws(FieldError) -> Request
    ) throws(APIError) -> Request {
        do throws(FieldError) { return try read() } catch { throw .invalidRequest(error) }
    }
}
