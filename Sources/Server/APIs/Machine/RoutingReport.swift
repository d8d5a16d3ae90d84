// SPDX-License-Identifier: Apache-2.0

import Computation
import Generation
import JSON
import Serving
import Tokenization

/// What `GET /v1/admin/experts/{request}` says: which experts computed each token of a request.
enum RoutingReport {
    /// The report.
    ///
    /// - Parameters:
    ///   - request: its `x-request-id`.
    ///   - client: who asks; it has the texts of prompt and answer, so only whoever made it is told.
    ///   - registry: the models that may have answered it.
    /// - Returns: nil where none of them knows of it.
    static func json(
        of request: String, for client: Int, _ registry: ModelRegistry
    ) -> JSONValue? {
        for slot in registry.slots {
            guard case .serving(let model) = slot.state,
                let usage = model.engine.statistics.expertUsage,
                let tokens = usage.trace.tokens(of: request, of: client)
            else { continue }
            return [
                "object": "expert.routing", "request": .string(request),
                "model": .string(model.description.name),
                "layer_count": .integer(usage.layerCount),
                "expert_count": .integer(usage.expertCount),
                "experts_per_token": .integer(usage.trace.expertsPerToken),
                "tokens": .array(tokens.map { json($0, of: usage, model) }),
            ]
        }
        return nil
    }

    private static func json(
        _ token: ExpertTrace.Token, of usage: ExpertUsage, _ model: ServedModel
    ) -> JSONValue {
        let count = usage.trace.expertsPerToken
        return [
            "position": .integer(token.position), "id": .integer(Int(token.id)),
            "text": .string(String(decoding: model.tokenizer.bytes(of: token.id), as: UTF8.self)),
            "experts": .array(
                (0..<usage.layerCount).map { layer in
                    .array(
                        token.experts[layer * count..<(layer + 1) * count]
                            .filter { $0 != ExpertTrace.none }.map { .integer(Int($0)) })
                }),
        ]
    }
}
