// SPDX-License-Identifier: Apache-2.0

import APIs
import Computation
import Conversation
import Foundation
import Generation
import JSON
import ModelFiles
import Quantization

extension LoadedModel {
    /// The model as the API server offers it.
    ///
    /// - Parameters:
    ///   - engine: what generates with its weights.
    ///   - servedName: the name that the operator gave it, or nil.
    ///   - watch: notices when the weights are gone.
    /// - Returns: card, engine, tokenizer and prompts together.
    func served(
        by engine: GenerationEngine, named servedName: String?, watchedBy watch: WeightsWatch
    ) -> ServedModel {
        let own = names
        let id = servedName ?? own.first ?? "default"
        let configuration = file.configuration
        var meta: JSONObject = [
            "n_params": .integer(file.parameterCount),
            "quantization": .string(file.elementTypes.first?.type.name ?? "none"),
            "prompt_format": .string(promptFormatName),
        ]
        if let experts = configuration.expertCount, let used = configuration.expertsPerToken {
            meta["n_experts"] = .integer(experts)
            meta["n_experts_per_token"] = .integer(used)
        }
        let card = ModelCard(
            id: id, aliases: own.filter { $0 != id }, created: creationTime(),
            summary: manifest?.description ?? file.name, maxContextLength: engine.contextLength,
            defaultTemperature: manifest?.defaultTemperature,
            chats: manifest?.capabilities["completion_chat"] ?? true,
            callsTools: manifest?.capabilities["function_calling"] ?? false, meta: meta)
        return ServedModel(
            card: card, engine: engine, tokenizer: tokenizer, prompts: promptEncoder,
            chatTemplate: chatTemplate,
            systemFingerprint: "cierzo-\(Build.version)-\(weightsFingerprint())",
            problem: {
                watch.lost.map {
                    "The model's file \($0.fileName) was cut short or overwritten while it was being "
                        + "served; the server must be restarted with a whole file."
                }
            })
    }

    /// The template that conversations are written with, or else the model's own.
    private var chatTemplate: String? {
        switch promptEncoder.format {
        case .template(let template), .fallback(let template): template.source
        case .mistral: file.chatTemplate
        }
    }

    /// When the file was last written, in seconds since 1970.
    private func creationTime() -> Int {
        let attributes = try? FileManager.default.attributesOfItem(atPath: file.path)
        let date = attributes?[.modificationDate] as? Date
        return date.map { Int($0.timeIntervalSince1970) } ?? 0
    }

    /// Sixteen hexadecimal digits that differ between weights.
    private func weightsFingerprint() -> String {
        let digits = String(file.weightsDigest(), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
