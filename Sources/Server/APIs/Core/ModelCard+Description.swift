// SPDX-License-Identifier: Apache-2.0

import JSON
import Serving

extension ModelCard {
    /// The card of a model, which may be the default one.
    init(_ model: ModelDescription, isDefault: Bool) {
        var meta: JSONObject = [:]
        meta["n_params"] = model.parameterCount.map { .integer($0) }
        meta["quantization"] = model.quantization.map { .string($0) }
        meta["prompt_format"] = model.promptFormat.map { .string($0) }
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
    }
}
