// SPDX-License-Identifier: Apache-2.0

import HTTP
import JSON

/// How models are shown to the clients of a vendor.
struct ModelListing: Sendable {
    /// A model, and whether it is `loaded` or `loading`.
    let card: @Sendable (_ model: ModelCard, _ status: String) -> JSONValue

    /// The list of all cards.
    let list: @Sendable (_ cards: [JSONValue]) -> JSONValue

    /// One card that OpenAI's and Mistral's SDKs read.
    static let shared = ModelListing(
        card: { $0.json(status: $1) }, list: { ["object": "list", "data": .array($0)] })

    /// Anthropic's cards, a page that has all of them.
    static let anthropic = ModelListing(
        card: { model, _ in .object(model.anthropicJSON) },
        list: { cards in
            [
                "data": .array(cards), "has_more": false,
                "first_id": cards.first?["id"] ?? .null, "last_id": cards.last?["id"] ?? .null,
            ]
        })
}

extension ModelCard {
    /// The card as Anthropic's SDK reads it.
    fileprivate var anthropicJSON: JSONObject {
        [
            "type": "model", "id": .string(id), "display_name": .string(id),
            "created_at": .string(CivilTime(created).rfc3339), "lifecycle": "active",
            "max_input_tokens": .integer(maxContextLength),
            "max_tokens": .integer(maxContextLength),
            "capabilities": [
                "batch": Self.supported(false), "citations": Self.supported(false),
                "code_execution": Self.supported(false),
                "context_management": Self.supported(false),
                "effort": Self.supported(
                    reasons, ["low", "medium", "high", "xhigh", "max"]),
                "image_input": Self.supported(false), "pdf_input": Self.supported(false),
                "server_tools": Self.supported(false, ["code_execution", "web_search"]),
                "structured_outputs": Self.supported(true),
                "thinking": [
                    "supported": .bool(reasons),
                    "types": .object(
                        Self.members(
                            reasons, ["adaptive", "between_tools", "disabled", "enabled"])),
                ],
            ],
        ]
    }

    /// Whether something works, and each of its kinds.
    private static func supported(_ isSupported: Bool, _ kinds: [String] = []) -> JSONValue {
        var object: JSONObject = ["supported": .bool(isSupported)]
        for (kind, value) in members(isSupported, kinds) { object[kind] = value }
        return .object(object)
    }

    private static func members(_ isSupported: Bool, _ kinds: [String]) -> JSONObject {
        JSONObject(kinds.map { ($0, ["supported": .bool(isSupported)]) })
    }
}
