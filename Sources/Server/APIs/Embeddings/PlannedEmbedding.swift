// SPDX-License-Identifier: Apache-2.0

import Generation
import Serving

/// Embeddings, or scores, that are about to be computed.
///
/// A family that has its own words for them writes them with a closure of its own.
struct PlannedEmbedding: Sendable {
    /// What computes.
    let model: ServedModel

    /// What is computed, one for each text.
    var requests: [GenerationRequest]

    /// Where the texts came from.
    let fields: QuestionFields

    /// Writes the answer: a body of JSON, of the vectors (or scores, each alone) in the order of the
    /// texts and what they consumed.
    var write: @Sendable ([[Float]], UsageReport) throws(APIError) -> [UInt8] = {
        (_, _) throws(APIError) in []
    }

    /// Plans the embeddings of texts; tokenizes them.
    ///
    /// - Parameters:
    ///   - model: what computes.
    ///   - inputs: the texts, or pairs of them for a model that scores.
    ///   - truncation: what is done with those that are too long.
    ///   - fields: where the texts stand in the body, for errors.
    ///   - priority: lower ones come first.
    ///   - cacheScope: what is computed is only found again with the same text here.
    /// - Throws: `APIError`, which names the text.
    init(
        model: ServedModel, inputs: [EmbeddingInput], _ truncation: Truncation,
        fields: QuestionFields, priority: Int = 0, cacheScope: String = ""
    ) throws(APIError) {
        self.model = model
        self.fields = fields
        requests = try fields.naming { () throws(ServingError) in
            try model.embeddingRequests(for: inputs, truncation)
        }
        for index in requests.indices {
            requests[index].priority = priority
            requests[index].cacheScope = cacheScope
        }
    }
}
