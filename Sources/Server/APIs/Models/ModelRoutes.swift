// SPDX-License-Identifier: Apache-2.0

import HTTP
import HTTPTypes
import JSON
import Serving

extension RouteGroup {
    /// The models that can be asked; they are shown while they are loading, too.
    static let models = RouteGroup(
        .get("/v1/models", contract: .models) { context in
            let cards = context.backend.models.slots.compactMap { ModelCard.json(of: $0, context) }
            return ServerResponse(json: context.dialect.modelListing.list(cards))
        },
        .get("/v1/models/{id}", contract: .model) { context in
            if let slot = context.backend.models.slot(named: context.parameter),
                let card = ModelCard.json(of: slot, context)
            {
                return ServerResponse(json: card)
            }
            // Mistral's 400 is for a wrong field; here the path itself leads nowhere.
            var response = ServerResponse(.modelNotFound(context.parameter), in: context)
            response.head.status = .notFound
            return response
        })
}

extension ModelCard {
    /// The card of a model, unless nothing is known of it yet.
    fileprivate static func json(of slot: ModelSlot, _ context: RequestContext) -> JSONValue? {
        let status =
            switch slot.state {
            case .serving, .stopping: "loaded"
            case .loading: "loading"
            }
        let isDefault = context.backend.models.slot(named: ModelRegistry.defaultName) === slot
        return slot.description.map {
            context.dialect.modelListing.card(ModelCard($0, isDefault: isDefault), status)
        }
    }
}
