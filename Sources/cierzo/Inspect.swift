// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import ArgumentParser
import Computation
import Console
import Foundation
import Inference
import JSON
import ModelFiles
import Parallelism
import Quantization
import Serving
import Tokenization

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what is in a model file, what memory it needs, and whether it is sound.",
        discussion: """
            Reads the whole file: its structure, every tensor's place and shape, its vocabulary and \
            chat template, and every weight, which must be a finite number, \
            or in a packed file have the checksum that was packed. A damaged file is one \
            line on stderr and exit code 1.

              cierzo inspect FILE.gguf
              cierzo inspect --plan mixtral-8x7b --context 32768 --kv-type f16

            --plan reads no weights: it says what a model of that shape needs in memory, for each \
            type that its weights could be quantised to.
            """)

    @Argument(help: "A manifest, a GGUF file or a directory; with --plan also a model's name.")
    var model: String
    @Option(help: "Positions of KV cache to plan memory for.") var context = 8192
    @Option(help: "How keys and values are stored.") var kvType = EngineAssembly().kvType
    @Flag(help: "Plan the memory of models of this shape, for all types of weights.")
    var plan = false
    @Flag(help: "Check the structure only; do not read the weights.") var quick = false
    @Flag(help: "Print the chat templates too.") var template = false
    @Flag(help: "One JSON object on stdout.") var json = false

    func run() throws {
        guard (1...1 << 30).contains(context) else {
            throw ValidationError("--context: 1 to \(1 << 30)")
        }
        do {
            if plan { return try showPlan() }
            let loaded = try LoadedModel(path: model, acceptsStale: true)
            if !quick { try loaded.file.verify() }
            let rows = try description(of: loaded)
            if json {
                var object = JSONObject()
                for row in rows { object[row.key] = .string(row.value) }
                try printLine(JSONValue.object(object).serialized(.pretty))
            } else {
                for row in rows {
                    try printLine(
                        row.key.padding(toLength: 18, withPad: " ", startingAt: 0) + row.value)
                }
            }
            if template {
                for (name, source) in loaded.file.chatTemplates.sorted(by: { $0.key < $1.key }) {
                    try printLine("\n" + (name == "default" ? "" : "\(name):\n") + source)
                }
            }
            for warning in loaded.warnings { note("warning: \(warning)") }
        } catch {
            throw failure(error)
        }
    }

    private func showPlan() throws {
        let published = ModelConfiguration.published.first { $0.name == model }
        let table = try MemoryTable(
            name: published?.name ?? model,
            configuration: published?.configuration ?? LoadedModel(path: model).file.configuration,
            context: context, kvType: kvType)
        try printLine(json ? table.json.serialized(.pretty) : table.text)
    }

    private func attention(_ c: ModelConfiguration) -> String {
        guard let latent = c.latent else {
            return "\(c.headCount) heads, \(c.kvHeadCount) key/value heads of \(c.headDimension)"
        }
        return "\(c.headCount) heads of \(c.headDimension), which share latents of "
            + "\(latent.rank) and a key of \(c.ropeDimensionCount)"
    }

    private func description(of loaded: LoadedModel) throws -> [(key: String, value: String)] {
        let file = loaded.file
        let c = file.configuration
        var rows: [(key: String, value: String)] = [
            ("name", file.name),
            ("architecture", c.architecture),
            ("parameters", countText(file.parameterCount)),
            ("size", byteText(file.byteCount)),
            ("packed size", byteText(packedByteCount(of: file))),
            (
                "layers",
                "\(c.layerCount)"
                    + (c.deltaLayers.isEmpty ? "" : ", \(c.deltaLayers.count) of them delta nets")
            ),
            ("hidden size", "\(c.hiddenSize)"),
            ("feed-forward", "\(c.intermediateSize)"),
            ("attention", attention(c)),
            (
                "sliding window",
                c.slidingWindow.map { window in
                    let layers = c.layerCount - c.fullLayers.count
                    return "\(window) positions"
                        + (c.fullLayers.isEmpty ? "" : " in \(layers) of the layers")
                } ?? "none"
            ),
            ("rope", rope(c)),
            ("context", "\(c.contextLength) positions"),
            ("vocabulary", "\(c.vocabularySize)"),
        ]
        if let experts = c.expertCount, let used = c.expertsPerToken {
            rows.insert(("experts", "\(experts), top-\(used) per token"), at: 3)
        }
        for (type, count) in file.elementTypes {
            rows.append(("weights \(type.name)", "\(countText(count)) parameters"))
        }
        if let packed = file.packed {
            let inPanels = packed.header.tensors.count { $0.layout == .panels }
            rows.append(("packed from", packed.header.source.path))
            rows.append(("packed", "\(inPanels) of \(packed.header.tensors.count) tensors"))
        }
        let tokenizer = loaded.tokenizer
        rows.append(("tokenizer", "\(tokenizer.vocabularyCount) tokens"))
        rows.append(("begin of text", tokenizer.bosTokenID.map(String.init) ?? "none"))
        rows.append(
            (
                "end of text",
                tokenizer.eosTokenIDs.sorted().map(String.init).joined(separator: ", ")
            ))
        rows.append(
            (
                "chat template",
                file.chatTemplateSource.map { source in
                    let sizes = file.chatTemplates.sorted { $0.key < $1.key }
                        .map { "\($0.key) of \($0.value.utf8.count) bytes" }
                    return sizes.joined(separator: ", ") + " in \(source)"
                } ?? "none"
            ))
        rows.append(("prompt format", "\(loaded.promptFormatName): \(loaded.promptReason)"))
        rows.append(("tool calls", "\(loaded.answerFormat.name): \(loaded.answerReason)"))
        rows += try memoryPlan(file)
        return rows
    }

    private func rope(_ c: ModelConfiguration) -> String {
        let scaling: String =
            switch c.ropeScaling {
            case .none: "no scaling"
            case .linear(let factor): "linear scaling by \(factor)"
            case .llama3(let factor, _, _, let original):
                "Llama 3 scaling by \(factor) from \(original) positions"
            case .yarn(let yarn):
                "YaRN scaling by \(yarn.factor) from \(yarn.originalContextLength) positions"
            }
        return "theta \(c.ropeTheta), \(c.ropeDimensionCount) dimensions, \(scaling)"
    }

    /// The bytes of the weights in memory, without reading any weight.
    private func packedByteCount(of file: ModelFile) -> Int {
        let tensors = file.tensors
        return file.packed == nil
            ? tensors.packedByteCount(as: tensors.likelyPackedTypes) : tensors.byteCount
    }

    private func memoryPlan(_ file: ModelFile) throws -> [(key: String, value: String)] {
        let blockSize = 16
        let plan = try MemoryPlan(
            configuration: file.configuration, weightByteCount: packedByteCount(of: file),
            limits: TransformerLimits(
                maxBatchTokens: 512, blockCount: max(1, (context + blockSize - 1) / blockSize),
                positionsPerBlock: blockSize, kvElementType: kvType),
            threadCount: ProcessorTopology.current().availableThreadCount)
        let states =
            plan.stateByteCount == 0
            ? []
            : [("memory: states", "\(byteText(plan.stateByteCount)) for each sequence")]
        return [
            ("memory: weights", byteText(plan.weightByteCount)),
            (
                "memory: KV cache",
                "\(byteText(plan.kvByteCount)) for \(plan.kvPositionCount) positions"
            ),
        ] + states + [
            ("memory: scratch", byteText(plan.activationByteCount)),
            (
                "memory: total",
                "\(byteText(plan.totalByteCount)) of \(byteText(MachineMemory.byteCount()))"
            ),
        ]
    }
}
