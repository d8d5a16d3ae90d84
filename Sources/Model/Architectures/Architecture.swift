// SPDX-License-Identifier: Apache-2.0

package import Computation
package import ModelFiles

/// A family of models, declared once: its keys and tensors in files, what it keeps in memory, and its
/// forward pass as calls of building blocks.
///
/// Everything else follows from the declaration: loading, shape checks, packing, quantising, the
/// memory plan, the cost of a token, and the order in which weights are read. A new family is a file
/// like `Mixtral.swift` and a line in `ArchitectureRegistry.swift`.
package struct Architecture: Sendable {
    /// What the family's files hold.
    package let schema: ModelSchema
    /// What a layer keeps of each position.
    package let kv: @Sendable (ModelConfiguration, _ layer: Int) -> KVLayout
    /// The buffers of a step.
    package let scratch: @Sendable (ModelConfiguration) -> [ScratchDeclaration]
    /// Makes the forward pass of weights.
    private let forwardPass: ForwardPass

    /// How a family computes.
    private enum ForwardPass: Sendable {
        /// Token after token, with a cache of what came before.
        case decoder(@Sendable (NetworkParts) -> any Network)
        /// Whole texts at once.
        case encoder(
            @Sendable (ModelTensors, ModelConfiguration) throws(ByteStorageError)
                -> any EncoderNetwork)
    }

    /// Declares a family.
    ///
    /// - Parameters:
    ///   - name: what people call it.
    ///   - experts: whether its models have experts.
    ///   - gguf: its keys in GGUF files.
    ///   - huggingFace: its keys in config.json.
    ///   - mistral: its keys in params.json.
    ///   - inputs: tensors before the layers.
    ///   - furtherInputs: those that only some models have.
    ///   - layer: tensors of a layer.
    ///   - outputs: tensors after the layers.
    ///   - prefixes: how the names of tensors may begin instead.
    ///   - ignored: how the names begin of tensors that are left out.
    ///   - problem: what is wrong with numbers that are right one by one.
    ///   - kv: what a layer keeps of each position.
    ///   - scratch: the buffers of a step, besides those of `Decoder`.
    ///   - network: makes the forward pass.
    init(
        name: String, experts: ModelSchema.ExpertUse, gguf: GGUFKeys? = nil,
        huggingFace: HuggingFaceKeys? = nil, mistral: MistralKeys? = nil,
        inputs: [TensorDeclaration] = Embedding.tensors,
        furtherInputs: @escaping @Sendable (ModelConfiguration) -> [TensorDeclaration] = { _ in
            []
        },
        layer: @escaping @Sendable (ModelConfiguration, Int) -> [TensorDeclaration],
        outputs: [TensorDeclaration] = Readout.tensors,
        prefixes: [(usual: String, own: String)] = [], ignored: [String] = [],
        problem: @escaping @Sendable (ModelConfiguration) -> String? = { _ in nil },
        kv: @escaping @Sendable (ModelConfiguration, Int) -> KVLayout = { KVLayout($0, layer: $1) },
        scratch: @escaping @Sendable (ModelConfiguration) -> [ScratchDeclaration],
        network: @escaping @Sendable (NetworkParts) -> any Network
    ) {
        schema = ModelSchema(
            name: name, experts: experts, gguf: gguf, huggingFace: huggingFace, mistral: mistral,
            inputs: inputs, furtherInputs: furtherInputs, layer: layer, outputs: outputs,
            prefixes: prefixes, ignored: ignored, problem: problem)
        self.kv = kv
        self.scratch = { Decoder.scratch + scratch($0) }
        forwardPass = .decoder(network)
    }

    /// Declares a family of encoders, which make no logits and keep nothing of a text.
    ///
    /// - Parameters:
    ///   - name: what people call it.
    ///   - gguf: its keys in GGUF files.
    ///   - huggingFace: its keys in config.json.
    ///   - inputs: tensors before the layers.
    ///   - layer: tensors of a layer.
    ///   - outputs: tensors after the layers.
    ///   - prefixes: how the names of tensors may begin instead.
    ///   - ignored: how the names begin of tensors that are left out.
    ///   - network: makes the forward pass.
    init(
        name: String, gguf: GGUFKeys?, huggingFace: HuggingFaceKeys?,
        inputs: [TensorDeclaration],
        layer: @escaping @Sendable (ModelConfiguration, Int) -> [TensorDeclaration],
        outputs: [TensorDeclaration], prefixes: [(usual: String, own: String)],
        ignored: [String] = [],
        network:
            @escaping @Sendable (ModelTensors, ModelConfiguration) throws(ByteStorageError)
            -> any EncoderNetwork
    ) {
        schema = ModelSchema(
            name: name, experts: .never, gguf: gguf, huggingFace: huggingFace, mistral: nil,
            inputs: inputs, layer: layer, outputs: outputs, prefixes: prefixes, ignored: ignored,
            isEncoder: true)
        kv = { KVLayout($0, layer: $1) }
        scratch = { _ in [] }
        forwardPass = .encoder(network)
    }

    /// The forward pass of an encoder, which has made what it needs of the weights.
    ///
    /// - Parameters:
    ///   - weights: of the shapes that the configuration says.
    ///   - configuration: the model's numbers.
    /// - Returns: nil where the family is none of encoders.
    /// - Throws: where there is no memory.
    package func makeEncoder(
        _ weights: ModelTensors, _ configuration: ModelConfiguration
    ) throws(ByteStorageError) -> (any EncoderNetwork)? {
        guard case .encoder(let network) = forwardPass else { return nil }
        return try network(weights, configuration)
    }

    /// The forward pass of some weights.
    ///
    /// - Parameters:
    ///   - weights: of the shapes that the configuration says.
    ///   - configuration: the model's numbers.
    ///   - step: what steps work with, made for this architecture.
    /// - Returns: the forward pass, with the order known in which it reads weights.
    package func makeNetwork(
        _ weights: ModelTensors, _ configuration: ModelConfiguration, on step: ForwardStep
    ) -> any Network {
        guard case .decoder(let make) = forwardPass else {
            preconditionFailure("\(schema.name) makes no logits")
        }
        let network = make(
            NetworkParts(weights: weights, configuration: configuration, step: step))
        step.findReadingOrder(of: network)
        return network
    }
}

/// A model's forward pass.
package protocol Network: AnyObject {
    /// Computes the logits that a step asks for.
    ///
    /// - Parameters:
    ///   - tokens: the ids of the step's rows.
    ///   - step: its rows; receives the logits.
    ///   - isUnwanted: asked before each layer; once it says so, the rest is not computed.
    /// - Returns: whether all was computed.
    func forward(
        _ tokens: Span<Int32>, _ step: ForwardStep, isUnwanted: (() -> Bool)?
    ) -> Bool
}

/// What a forward pass is made of.
struct NetworkParts {
    let weights: ModelTensors
    let configuration: ModelConfiguration
    let step: ForwardStep
}

/// What a layer keeps in memory of each position.
package struct KVLayout: Sendable, Equatable {
    /// K.
    package var headCount: Int
    /// Dh.
    package var headDimension: Int
    /// Values are the first so many components of their keys, and not kept again; nil: they are as
    /// wide as keys and kept beside them.
    package var valuesInKeys: Int?
    /// How many positions a query sees, its own included; nil: all up to its own.
    package var window: Int?

    /// Creates a layout.
    package init(
        headCount: Int, headDimension: Int, valuesInKeys: Int? = nil, window: Int?
    ) {
        self.headCount = headCount
        self.headDimension = headDimension
        self.valuesInKeys = valuesInKeys
        self.window = window
    }

    /// Keys and values of K heads of width Dh, as most models have them.
    package init(_ configuration: ModelConfiguration, layer: Int) {
        let own = configuration.own(layer: layer)
        headCount = own.kvHeadCount
        headDimension = own.headDimension
        window = configuration.window(layer: layer)
    }
}
