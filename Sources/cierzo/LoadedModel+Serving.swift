// SPDX-License-Identifier: Apache-2.0

import APIServer
import APITypes
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
    /// - Returns: card, engine, tokenizer and prompts together.
    func served(by engine: GenerationEngine, named servedName: String?) -> ServedModel {
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
            systemFingerprint: "cierzo-\(Build.version)-\(weightsFingerprint())")
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

    /// Sixteen hexadecimal digits that differ between weights: FNV-1a over all norm weights.
    private func weightsFingerprint() -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func mix(_ values: [Float]) {
            for value in values {
                hash = (hash ^ UInt64(value.bitPattern)) &* 0x100_0000_01B3
            }
        }
        mix(file.tensors.outputNorm)
        for layer in file.tensors.layers {
            mix(layer.attentionNorm)
            mix(layer.ffnNorm)
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
