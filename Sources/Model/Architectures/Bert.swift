// SPDX-License-Identifier: Apache-2.0

import Computation
package import ModelFiles

extension TensorRole {
    static let positionEmbedding = TensorRole("position embedding")
    static let tokenTypeEmbedding = TensorRole("token type embedding")
    static let embeddingNorm = TensorRole("embedding norm")
    static let poolerWeight = TensorRole("pooler")
    static let classifierWeight = TensorRole("classifier")

    /// What is added to the result of this one.
    var bias: TensorRole { TensorRole("\(description) bias") }
}

extension FamilyNumber {
    /// Kinds of texts that a model tells apart, such as a question and a passage.
    package static let tokenTypes = FamilyNumber("token types")
    /// What a classifier's head says of a text.
    package static let labels = FamilyNumber("labels")
}

extension Extent {
    fileprivate static let positions = Extent("positions") { $0.contextLength }
    fileprivate static let tokenTypes = Extent("token types") {
        Int($0.numbers[.tokenTypes] ?? 2)
    }
    fileprivate static let labels = Extent("labels") { Int($0.numbers[.labels] ?? 1) }
}

extension Architecture {
    /// BERT, whose states are the embeddings of many models: attention to both sides, norms after
    /// each block.
    ///
    /// - Source: arXiv:1810.04805; transformers' `modeling_bert.py`.
    static let bert = Architecture(
        name: "BERT",
        gguf: GGUFKeys(architectures: ["bert"], written: "bert"),
        huggingFace: HuggingFaceKeys(
            architecture: "BertModel", modelType: "bert",
            aliases: ["BertForMaskedLM", "BertForPreTraining"], contextLength: 512,
            normEpsilon: 1e-12,
            numbers: [NumberKey("type_vocab_size", .tokenTypes, in: 1...65_536)],
            defaults: [.tokenTypes: 2]),
        inputs: BertNetwork.inputs, layer: { _, _ in BertNetwork.layer }, outputs: [],
        prefixes: [(usual: "", own: "bert.")],
        ignored: ["pooler.", "bert.pooler.", "cls.", "classifier."],
        network: { weights, configuration throws(ByteStorageError) in
            try BertNetwork(weights, configuration)
        })

    /// BERT with a head that scores a text, or how well two texts go together.
    static let bertClassifier = Architecture(
        name: "BERT with a classifier", gguf: nil,
        huggingFace: HuggingFaceKeys(
            architecture: "BertForSequenceClassification", modelType: "bert-classifier",
            contextLength: 512, normEpsilon: 1e-12,
            numbers: [NumberKey("type_vocab_size", .tokenTypes, in: 1...65_536)],
            defaults: [.tokenTypes: 2, .labels: 2], labels: .labels),
        inputs: BertNetwork.inputs, layer: { _, _ in BertNetwork.layer },
        outputs: BertNetwork.head, prefixes: [(usual: "", own: "bert.")],
        network: { weights, configuration throws(ByteStorageError) in
            try BertNetwork(weights, configuration)
        })
}

/// The forward pass of BERT.
final class BertNetwork: EncoderNetwork {
    private struct Layer {
        let queryKeyValue: FloatPanels
        let attentionOutput: FloatPanels
        let attentionNorm: LayerNormWeights
        let up: FloatPanels
        let down: FloatPanels
        let outputNorm: LayerNormWeights
    }

    private let compute = SerialCompute()
    private let headCount: Int
    private let headDimension: Int
    private let tokenTable: WeightMatrix
    private let positionTable: WeightMatrix
    private let typeTable: WeightMatrix
    private let embeddingNorm: LayerNormWeights
    private let layers: [Layer]
    /// The head: pooler and classifier.
    private let head: (pooler: FloatPanels, classifier: FloatPanels)?
    let byteCount: Int

    init(_ weights: ModelTensors, _ configuration: ModelConfiguration) throws(ByteStorageError) {
        var byteCount = 0
        func panels(
            _ group: TensorGroup, _ roles: TensorRole...
        ) throws(ByteStorageError) -> FloatPanels {
            let panels = try FloatPanels(
                roles.map { group.matrix($0) }, bias: roles.flatMap { group.vector($0.bias) })
            byteCount += FloatPanels.byteCount(
                rowCount: panels.rowCount, columnCount: panels.columnCount)
            return panels
        }
        func norm(_ group: TensorGroup, _ role: TensorRole) -> LayerNormWeights {
            LayerNormWeights(
                weight: group.vector(role), bias: group.vector(role.bias),
                epsilon: configuration.rmsNormEpsilon)
        }
        headCount = configuration.headCount
        headDimension = configuration.headDimension
        tokenTable = weights.inputs.matrix(.tokenEmbedding)
        positionTable = weights.inputs.matrix(.positionEmbedding)
        typeTable = weights.inputs.matrix(.tokenTypeEmbedding)
        embeddingNorm = norm(weights.inputs, .embeddingNorm)
        var layers: [Layer] = []
        for group in weights.layers {
            layers.append(
                Layer(
                    queryKeyValue: try panels(group, .query, .key, .value),
                    attentionOutput: try panels(group, .attentionOutput),
                    attentionNorm: norm(group, .attentionNorm), up: try panels(group, .up),
                    down: try panels(group, .down), outputNorm: norm(group, .feedForwardNorm)))
        }
        self.layers = layers
        if weights.outputs.has(.classifierWeight) {
            head = (
                try panels(weights.outputs, .poolerWeight),
                try panels(weights.outputs, .classifierWeight)
            )
        } else {
            head = nil
        }
        self.byteCount = byteCount
    }

    var hasScore: Bool { head?.classifier.rowCount == 1 }

    func forward(_ texts: ArraySlice<EncoderText>, on scratch: EncoderScratch) {
        let rowCount = texts.reduce(0) { $0 + $1.tokens.count }
        let states = scratch.states
        embed(texts, on: scratch)
        for layer in layers {
            compute.multiply(
                states, rowCount: rowCount, by: layer.queryKeyValue, into: scratch.projected)
            var first = 0
            for text in texts {
                compute.attend(
                    scratch.projected, rows: first..<first + text.tokens.count,
                    headCount: headCount, headDimension: headDimension, scratch.attention,
                    into: scratch.attended)
                first += text.tokens.count
            }
            compute.multiply(
                scratch.attended, rowCount: rowCount, by: layer.attentionOutput,
                into: scratch.added)
            compute.layerNorm(
                states, adding: scratch.added, rowCount: rowCount, layer.attentionNorm,
                into: states)
            compute.multiply(
                states, rowCount: rowCount, by: layer.up, .gelu, into: scratch.wide)
            compute.multiply(
                scratch.wide, rowCount: rowCount, by: layer.down, into: scratch.added)
            compute.layerNorm(
                states, adding: scratch.added, rowCount: rowCount, layer.outputNorm, into: states)
        }
    }

    private func embed(_ texts: ArraySlice<EncoderText>, on scratch: EncoderScratch) {
        var row = 0
        for text in texts {
            let secondStart = text.secondStart ?? text.tokens.count
            for (position, token) in text.tokens.enumerated() {
                let type = position < secondStart ? 0 : min(1, typeTable.rowCount - 1)
                compute.look(
                    up: Int(token), in: tokenTable, row: row, of: scratch.states, addingBy: nil)
                compute.look(
                    up: type, in: typeTable, row: row, of: scratch.states,
                    addingBy: scratch.added)
                compute.look(
                    up: position, in: positionTable, row: row, of: scratch.states,
                    addingBy: scratch.added)
                row += 1
            }
        }
        compute.layerNorm(
            scratch.states, adding: nil, rowCount: row, embeddingNorm, into: scratch.states)
    }

    func score(ofTextAt row: Int, on scratch: EncoderScratch) -> Float {
        guard let head else { preconditionFailure("the model has no head") }
        let state = compute.sum(of: row..<row + 1, of: scratch.states)
        scratch.attended.setRow(0, to: state)
        compute.multiply(
            scratch.attended, rowCount: 1, by: head.pooler, .tanh, into: scratch.added)
        compute.multiply(scratch.added, rowCount: 1, by: head.classifier, into: scratch.wide)
        let scores = scratch.wide
        let row = scores.row(0)
        return row[0]
    }
}

// MARK: Tensors

extension BertNetwork {
    fileprivate static let inputs =
        [
            TensorDeclaration(
                .tokenEmbedding, [.V, .D], gguf: ["token_embd.weight"],
                huggingFace: ["embeddings.word_embeddings.weight"]),
            TensorDeclaration(
                .positionEmbedding, [.positions, .D], gguf: ["position_embd.weight"],
                huggingFace: ["embeddings.position_embeddings.weight"]),
            TensorDeclaration(
                .tokenTypeEmbedding, [.tokenTypes, .D], gguf: ["token_types.weight"],
                huggingFace: ["embeddings.token_type_embeddings.weight"]),
        ] + norm(.embeddingNorm, gguf: "token_embd_norm", huggingFace: "embeddings.LayerNorm")

    fileprivate static let layer =
        projection(.query, [.H * .Dh, .D], gguf: "attn_q", huggingFace: "attention.self.query")
        + projection(.key, [.H * .Dh, .D], gguf: "attn_k", huggingFace: "attention.self.key")
        + projection(
            .value, [.H * .Dh, .D], gguf: "attn_v", huggingFace: "attention.self.value")
        + projection(
            .attentionOutput, [.D, .H * .Dh], gguf: "attn_output",
            huggingFace: "attention.output.dense")
        + norm(
            .attentionNorm, gguf: "blk.{L}.attn_output_norm",
            huggingFace: "encoder.layer.{L}.attention.output.LayerNorm")
        + projection(.up, [.F, .D], gguf: "ffn_up", huggingFace: "intermediate.dense")
        + projection(.down, [.D, .F], gguf: "ffn_down", huggingFace: "output.dense")
        + norm(
            .feedForwardNorm, gguf: "blk.{L}.layer_output_norm",
            huggingFace: "encoder.layer.{L}.output.LayerNorm")

    fileprivate static let head =
        linear(.poolerWeight, [.D, .D], gguf: "cls", huggingFace: "pooler.dense")
        + linear(.classifierWeight, [.labels, .D], gguf: "cls.output", huggingFace: "classifier")

    /// A projection of a layer, with its bias.
    private static func projection(
        _ role: TensorRole, _ shape: [Extent], gguf: String, huggingFace: String
    ) -> [TensorDeclaration] {
        linear(
            role, shape, gguf: "blk.{L}.\(gguf)", huggingFace: "encoder.layer.{L}.\(huggingFace)")
    }

    private static func linear(
        _ role: TensorRole, _ shape: [Extent], gguf: String, huggingFace: String
    ) -> [TensorDeclaration] {
        [
            TensorDeclaration(
                role, shape, gguf: [TensorName(stringLiteral: gguf + ".weight")],
                huggingFace: [TensorName(stringLiteral: huggingFace + ".weight")]),
            TensorDeclaration(
                role.bias, [shape[0]], gguf: [TensorName(stringLiteral: gguf + ".bias")],
                huggingFace: [TensorName(stringLiteral: huggingFace + ".bias")]),
        ]
    }

    /// A norm; checkpoints of TensorFlow's days call its weights gamma and beta.
    private static func norm(
        _ role: TensorRole, gguf: String, huggingFace: String
    ) -> [TensorDeclaration] {
        func vector(_ role: TensorRole, _ ending: String, _ old: String) -> TensorDeclaration {
            TensorDeclaration(
                role, [.D], gguf: [TensorName(stringLiteral: "\(gguf).\(ending)")],
                huggingFace: [
                    TensorName(stringLiteral: "\(huggingFace).\(ending)"),
                    TensorName(stringLiteral: "\(huggingFace).\(old)"),
                ])
        }
        return [vector(role, "weight", "gamma"), vector(role.bias, "bias", "beta")]
    }
}
