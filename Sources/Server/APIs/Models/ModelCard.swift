// SPDX-License-Identifier: Apache-2.0

package import JSON
import Serving

/// A model as `GET /v1/models` describes it: one card that both SDKs read.
package struct ModelCard: Hashable, Sendable {
    /// The model's id.
    package var id: String

    /// Other names that requests may use.
    package var aliases: [String]

    /// The model that this one is an adapter of; nil: it is none.
    package var parent: String?

    /// Whether `default` is one of its names, too.
    package var isDefault = true

    /// Unix time in seconds.
    package var created: Int

    /// Whose model it is.
    package var ownedBy: String

    /// One line about the model.
    package var summary: String

    /// The most tokens of a prompt and its answer together.
    package var maxContextLength: Int

    /// The temperature where a request does not say (Mistral).
    package var defaultTemperature: Double?

    /// Whether it stays in memory as long as the server runs.
    package var isPinned = false

    /// Whether chats can be rendered.
    package var chats: Bool

    /// Whether the vocabulary can fill in the middle.
    package var fillsInTheMiddle: Bool

    /// Whether tool calls work.
    package var callsTools: Bool

    /// Whether it thinks before it answers.
    package var reasons = false

    /// Whether it makes embeddings.
    package var embeds = false

    /// Whether it ranks documents.
    package var reranks = false

    /// More about the model: parameters, experts, quantization, digest.
    package var meta: JSONObject

    /// Creates a card.
    package init(
        id: String, aliases: [String] = [], created: Int, ownedBy: String = "cierzo",
        summary: String = "", maxContextLength: Int, defaultTemperature: Double? = nil,
        chats: Bool = true, fillsInTheMiddle: Bool = false, callsTools: Bool = false,
        meta: JSONObject = [:]
    ) {
        self.id = id
        self.aliases = aliases
        self.created = created
        self.ownedBy = ownedBy
        self.summary = summary
        self.maxContextLength = maxContextLength
        self.defaultTemperature = defaultTemperature
        self.chats = chats
        self.fillsInTheMiddle = fillsInTheMiddle
        self.callsTools = callsTools
        self.meta = meta
    }

    /// The card; members that only one dialect knows do not disturb the other.
    ///
    /// - Parameter status: `loaded`, `loading`, `unloaded` or `failed`.
    /// - Returns: the object.
    package func json(status: String) -> JSONValue {
        var meta = meta
        meta["status"] = .string(status)
        if isPinned { meta["pinned"] = true }
        return [
            "id": .string(id), "object": "model", "created": .integer(created),
            "owned_by": .string(ownedBy), "type": parent == nil ? "base" : "fine-tuned",
            "root": .string(parent ?? id), "parent": parent.map { .string($0) } ?? .null,
            // Open WebUI fails on a name that is null.
            "name": .string(id), "description": .string(summary),
            "aliases": .array(((isDefault ? ["default"] : []) + aliases).map { .string($0) }),
            "max_context_length": .integer(maxContextLength),
            "max_model_len": .integer(maxContextLength),
            "default_model_temperature": defaultTemperature.map { .number($0) } ?? .null,
            "deprecation": .null,
            "capabilities": [
                "completion_chat": .bool(chats), "completion_fim": .bool(fillsInTheMiddle),
                "function_calling": .bool(callsTools), "reasoning": .bool(reasons),
                "fine_tuning": false,
                "vision": false, "ocr": false, "classification": false, "moderation": false,
                "audio": false, "audio_transcription": false,
                "embeddings": .bool(embeds), "rerank": .bool(reranks),
            ],
            "meta": .object(meta),
            // llama-server's place for it, where a model that failed is one that is unloaded.
            "status": status == "failed"
                ? ["value": "unloaded", "failed": true] : ["value": .string(status)],
        ]
    }
}

extension ModelCard {
    /// The card of a model, which may be the default one.
    init(_ model: ModelDescription, isDefault: Bool) {
        var meta: JSONObject = [:]
        meta["n_params"] = model.parameterCount.map { .integer($0) }
        meta["quantization"] = model.quantization.map { .string($0) }
        meta["prompt_format"] = model.promptFormat.map { .string($0) }
        meta["n_embd"] = model.embeddingDimension.map { .integer($0) }
        if let experts = model.expertCount, let used = model.expertsPerToken {
            meta["n_experts"] = .integer(experts)
            meta["n_experts_per_token"] = .integer(used)
        }
        self.init(
            id: model.name, aliases: model.aliases, created: model.creationTime,
            summary: model.summary, maxContextLength: model.contextLength,
            defaultTemperature: model.defaultTemperature,
            chats: model.capabilities.contains(.chat),
            fillsInTheMiddle: model.capabilities.contains(.infilling),
            callsTools: model.capabilities.contains(.toolCalls), meta: meta)
        self.isDefault = isDefault
        parent = model.parent
        reasons = model.capabilities.contains(.thinking)
        embeds = model.capabilities.contains(.embedding)
        reranks = model.capabilities.contains(.reranking)
    }
}
