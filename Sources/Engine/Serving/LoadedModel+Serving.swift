// SPDX-License-Identifier: Apache-2.0

import Computation
import Conversation
import Foundation
package import Generation
package import ModelFiles
import Quantization

extension LoadedModel {
    /// The model as the APIs offer it.
    ///
    /// - Parameters:
    ///   - engine: what generates with its weights.
    ///   - build: the version of the program.
    ///   - servedName: the name that the operator gave it, or nil.
    ///   - watch: notices when the weights are gone.
    /// - Returns: description, engine, tokenizer and prompts together.
    package func served(
        by engine: GenerationEngine, build: String, named servedName: String?,
        watchedBy watch: WeightsWatch
    ) -> ServedModel {
        let own = names
        let id = servedName ?? own.first ?? "default"
        let configuration = file.configuration
        var description = ModelDescription(
            name: id, aliases: own.filter { $0 != id }, creationTime: creationTime(),
            summary: manifest?.description ?? file.name, contextLength: engine.contextLength,
            defaultTemperature: manifest?.defaultTemperature, capabilities: [])
        if manifest?.capabilities["completion_chat"] ?? true {
            description.capabilities.insert(.chat)
        }
        if manifest?.capabilities["function_calling"] ?? false {
            description.capabilities.insert(.toolCalls)
        }
        description.parameterCount = file.parameterCount
        description.quantization = file.elementTypes.first?.type.name ?? "none"
        description.promptFormat = promptFormatName
        description.expertCount = configuration.expertCount
        description.expertsPerToken = configuration.expertsPerToken
        return ServedModel(
            description: description, engine: engine, tokenizer: tokenizer, prompts: promptEncoder,
            chatTemplate: chatTemplate,
            fingerprint: "cierzo-\(build)-\(weightsFingerprint())",
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
