// SPDX-License-Identifier: Apache-2.0

import Access
import HTTP
import HTTPTypes
import JSON
import Serving

extension RouteGroup {
    /// The models that can be asked, in memory or not, and what brings them there: the list answers at
    /// once, whatever is being loaded.
    static let models = RouteGroup(
        .get("/v1/models", contract: .models) { context in
            let cards = context.slots.compactMap { ModelCard.json(of: $0, context) }
            return ServerResponse(json: context.dialect.modelListing.list(cards))
        },
        .get("/v1/models/{id}", contract: .model) { context in
            if let slot = context.slot(named: context.parameter),
                let card = ModelCard.json(of: slot, context)
            {
                return ServerResponse(json: card)
            }
            // Mistral's 400 is for a wrong field; here the path itself leads nowhere.
            var response = ServerResponse(.modelNotFound(context.parameter), in: context)
            response.head.status = .notFound
            return response
        },
        .post("/v1/models/load", isListed: false, contract: .loadModel, for: .operation) {
            body, context throws(APIError) in
            try ModelRoutes.move(body, context) { resident throws(APIError) in resident.load() }
        },
        .post("/v1/models/unload", isListed: false, contract: .unloadModel, for: .operation) {
            body, context throws(APIError) in
            try ModelRoutes.move(body, context) { resident throws(APIError) in
                if !resident.unload() {
                    throw .invalidRequest(
                        .unsupported(
                            FieldPath("model"),
                            reason: "this model is to stay in memory as long as the server runs"))
                }
            }
        })
}

private enum ModelRoutes {
    /// Has a model loaded or unloaded, in llama-server's words; what that comes to is seen in the
    /// list.
    static func move(
        _ body: JSONObject, _ context: RequestContext,
        _ move: (Resident) throws(APIError) -> Void
    ) throws(APIError) -> RequestPlan {
        let name = try APIError.reading { () throws(FieldError) in
            let fields = FieldReader(body, by: context.rules)
            return try fields.require(ModelFields.model)
        }
        context.record.trail?.concerns(name)
        guard let slot = context.slot(named: name) else {
            throw .modelNotFound(name)
        }
        if let resident = slot.resident { try move(resident) }
        return .response(ServerResponse(json: ["success": true]))
    }
}

extension ModelCard {
    /// The card of a model, unless nothing is known of it yet.
    fileprivate static func json(of slot: ModelSlot, _ context: RequestContext) -> JSONValue? {
        let models = context.backend.models
        let isDefault = models.slot(named: ModelRegistry.defaultName) === slot
        return slot.description.map { description in
            var card = ModelCard(description, isDefault: isDefault)
            card.isPinned = slot.resident?.report.isPinned ?? false
            return context.dialect.modelListing.card(card, slot.status.name)
        }
    }
}

extension Resident.Status {
    /// The word for it, of which llama-server has all but `failed`.
    var name: String {
        switch self {
        case .unloaded, .unloading: "unloaded"
        case .loading: "loading"
        case .loaded: "loaded"
        case .failed: "failed"
        }
    }
}
