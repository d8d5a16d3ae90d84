// SPDX-License-Identifier: Apache-2.0

import Computation
package import JSON

/// What the files of a family of models hold: the keys of its numbers in each format, and its
/// tensors.
package struct ModelSchema: Sendable {
    /// The family's name.
    package let name: String
    /// Whether its models have experts.
    package let experts: ExpertUse
    /// What is its own in GGUF files.
    package let gguf: GGUFKeys?
    /// What is its own in a config.json.
    package let huggingFace: HuggingFaceKeys?
    /// What is its own in Mistral's params.json.
    package let mistral: MistralKeys?
    /// The tensors before the layers.
    package let inputs: [TensorDeclaration]
    /// Those that only some models of the family have.
    private let furtherInputs: @Sendable (ModelConfiguration) -> [TensorDeclaration]
    /// The tensors of a layer, by its number.
    package let layer: @Sendable (ModelConfiguration, Int) -> [TensorDeclaration]
    /// The tensors after the layers.
    package let outputs: [TensorDeclaration]
    /// How the names of its tensors may begin instead, as in files that hold a part for images too.
    package let prefixes: [(usual: String, own: String)]
    /// How the names of tensors begin that belong to parts which are left out.
    package let ignored: [String]
    /// What is wrong with numbers that are right one by one, or nil.
    package let problem: @Sendable (ModelConfiguration) -> String?
    /// Whether its models take whole texts and make no logits.
    package let isEncoder: Bool

    /// Whether models of a family have experts.
    package enum ExpertUse: Sendable {
        case never
        case always
        case optional

        func allows(_ hasExperts: Bool) -> Bool {
            switch self {
            case .never: !hasExperts
            case .always: hasExperts
            case .optional: true
            }
        }
    }

    /// Describes a family.
    package init(
        name: String, experts: ExpertUse, gguf: GGUFKeys?, huggingFace: HuggingFaceKeys?,
        mistral: MistralKeys?, inputs: [TensorDeclaration],
        furtherInputs: @escaping @Sendable (ModelConfiguration) -> [TensorDeclaration] = { _ in
            []
        },
        layer: @escaping @Sendable (ModelConfiguration, Int) -> [TensorDeclaration],
        outputs: [TensorDeclaration], prefixes: [(usual: String, own: String)] = [],
        ignored: [String] = [],
        problem: @escaping @Sendable (ModelConfiguration) -> String? = { _ in nil },
        isEncoder: Bool = false
    ) {
        self.name = name
        self.experts = experts
        self.gguf = gguf
        self.huggingFace = huggingFace
        self.mistral = mistral
        self.inputs = inputs
        self.furtherInputs = furtherInputs
        self.layer = layer
        self.outputs = outputs
        self.prefixes = prefixes
        self.ignored = ignored
        self.problem = problem
        self.isEncoder = isEncoder
    }

    /// Whether a configuration is of this family, by what its file calls it.
    package func describes(_ configuration: ModelConfiguration) -> Bool {
        let name = configuration.architecture
        return experts.allows(configuration.isMixtureOfExperts)
            && (gguf?.architectures.contains(name) == true || huggingFace?.architecture == name
                || mistral?.name == name)
    }

    /// The tensors before the layers of a model.
    package func inputs(of configuration: ModelConfiguration) -> [TensorDeclaration] {
        inputs + furtherInputs(configuration)
    }

    /// All tensors of a model, its output not tied to the embedding, with the numbers that their sizes
    /// follow from.
    package func tensors(
        of configuration: ModelConfiguration
    ) -> [(declaration: TensorDeclaration, layer: Int?, numbers: ModelConfiguration)] {
        inputs(of: configuration).map { ($0, nil, configuration) }
            + (0..<configuration.layerCount).flatMap { index in
                let own = configuration.own(layer: index)
                return layer(configuration, index).map { ($0, index, own) }
            } + outputs.map { ($0, nil, configuration) }
    }

    /// Throws where the numbers of a model do not go together.
    func check(_ configuration: ModelConfiguration, path: String) throws(ModelFileError) {
        if let problem = problem(configuration) {
            throw .unsupported(path: path, problem: problem)
        }
    }

    /// The first weight that has another shape than the configuration says, or nil.
    package func mismatch(
        of weights: ModelTensors, with configuration: ModelConfiguration
    ) -> (tensor: String, expected: [Int], found: [Int])? {
        guard weights.layers.count == configuration.layerCount else {
            return ("layers", [configuration.layerCount], [weights.layers.count])
        }
        let groups =
            [
                ("", configuration, inputs(of: configuration), weights.inputs),
                ("", configuration, outputs, weights.outputs),
            ]
            + weights.layers.enumerated().map { index, group in
                (
                    "layer \(index) ", configuration.own(layer: index),
                    layer(configuration, index), group
                )
            }
        for (stem, configuration, declared, group) in groups {
            guard declared.map(\.role) == group.members.map(\.declaration.role) else {
                return ("\(stem)tensors", [declared.count], [group.members.count])
            }
            for (tensor, member) in zip(declared, group.members) {
                let sizes = tensor.sizes(in: configuration)
                let expected = tensor.isVector ? [sizes.reduce(1, *)] : sizes
                let count = tensor.count(in: configuration)
                guard tensor.isVector || member.matrices.count == count else {
                    return ("\(stem)\(tensor.role)s", [count], [member.matrices.count])
                }
                let found =
                    tensor.isVector
                    ? [[member.vector.count]]
                    : member.matrices.map { [$0.rowCount, $0.columnCount] }
                for (expert, sizes) in found.enumerated() where sizes != expected {
                    let kind = tensor.everyCopy ? "head" : "expert"
                    let which = tensor.copies == nil ? "" : "\(kind) \(expert) "
                    return ("\(stem)\(which)\(tensor.role)", expected, sizes)
                }
            }
        }
        return nil
    }
}

/// A number of a model that only some families have.
///
/// A family names it in its own file, with the keys under which formats have it.
package struct FamilyNumber: Hashable, Sendable {
    /// The name for people.
    package let name: String

    /// A number of this name.
    package init(_ name: String) {
        self.name = name
    }
}

/// Where a format has a number that only some families have.
package struct NumberKey: Sendable {
    /// The key.
    package let key: String
    /// The number.
    package let number: FamilyNumber
    /// Between what it must lie.
    package let range: ClosedRange<Double>
    /// Whether it is written as a whole number.
    package let isCount: Bool

    /// A key of a number.
    package init(
        _ key: String, _ number: FamilyNumber, in range: ClosedRange<Double>,
        isCount: Bool = false
    ) {
        self.key = key
        self.number = number
        self.range = range
        self.isCount = isCount
    }
}

/// What is a family's own in GGUF files; the other keys are those of `GGUFConfiguration`.
package struct GGUFKeys: Sendable {
    /// The values of `general.architecture`.
    package let architectures: [String]
    /// The one under which files are written.
    package let written: String
    /// The family's own numbers; a file that states 0 is read as if it did not state the number.
    package let numbers: [NumberKey]
    /// Which components of a head rotate together, by the order of the rows in the family's files.
    package let ropePairing: RopePairing
    /// What the family's experts are where a file does not say; nil: Mixtral's, and keys that say
    /// otherwise are refused.
    package let mixture: ExpertMixture?
    /// Which layers have a window where not all have it; nil: all or none.
    package let windows: WindowPattern?
    /// Whether the ends of YaRN's ramp are whole numbers, of which files say nothing.
    package let roundsRamp: Bool
    /// What the family's files say of delta nets; nil: it has none.
    package var deltaNet: GGUFDeltaNetKeys?
    /// Tensors of some layer that a file has or has not, and the number that is 1 where it has.
    package let marks: [(tensor: String, number: FamilyNumber)]
    /// Whether attention is latent, and what files do not say of it; nil: it is not.
    package let latent: GGUFLatentKeys?
    /// Whether layers with a window have heads of their own, and layers may borrow keys and values.
    package var hasWindowHeads = false
    /// The number that is 1 where layers without a window have values that are their keys.
    package var keysAreValues: FamilyNumber?

    /// Describes the keys.
    package init(
        architectures: [String], written: String, numbers: [NumberKey] = [],
        ropePairing: RopePairing = .adjacent, mixture: ExpertMixture? = nil,
        windows: WindowPattern? = nil, roundsRamp: Bool = true,
        marks: [(tensor: String, number: FamilyNumber)] = [], latent: GGUFLatentKeys? = nil
    ) {
        self.architectures = architectures
        self.written = written
        self.numbers = numbers
        self.ropePairing = ropePairing
        self.mixture = mixture
        self.windows = windows
        self.roundsRamp = roundsRamp
        self.marks = marks
        self.latent = latent
    }
}

/// What GGUF files of a family with latent attention leave unsaid.
package struct GGUFLatentKeys: Sendable {
    /// Whether YaRN's `mscale` is `mscale_all_dim`, which files state; else it is 1.
    package let equalScales: Bool

    /// What llama.cpp's writers multiply `mscale_all_dim` with in files of these families.
    package static let multiplierScale = 0.1

    /// Says it.
    package init(equalScales: Bool) {
        self.equalScales = equalScales
    }
}

/// Which layers of a family see a window only, and how those rotate.
package struct WindowPattern: Sendable {
    /// The last of so many layers sees all, where a file does not say.
    package let period: Int
    /// Whether layers with a window rotate unstretched when the others do not.
    package let isUnstretched: Bool

    /// A pattern.
    package init(period: Int, isUnstretched: Bool) {
        self.period = period
        self.isUnstretched = isUnstretched
    }

    /// The layers that see all.
    func fullLayers(of count: Int) -> Set<Int> {
        Set((0..<count).filter { $0 % period == period - 1 })
    }
}

/// What is a family's own in a config.json, and what transformers assumes where a field is left out;
/// the other keys are those of `HuggingFaceConfiguration`.
package struct HuggingFaceKeys: Sendable {
    /// The entry of `architectures`.
    package let architecture: String
    /// `model_type`.
    package let modelType: String
    /// The entry of `architectures` of models that have this one as the `text_config` of theirs.
    package var wrapper: String?
    /// As many as query heads where nil.
    package var kvHeadCount: Int?
    /// The width divided by the heads where nil.
    package var headDimension: Int?
    /// Positions.
    package var contextLength: Int
    /// Base of the rotary frequencies where neither the rotary parameters nor the top level state it.
    package var ropeTheta: Double
    /// Epsilon of norms.
    package var rmsNormEpsilon: Double
    /// Whether layers can have a window at all.
    package var hasSlidingWindow: Bool
    /// The window.
    package var slidingWindow: Int?
    /// Qwen's windows, which `use_sliding_window` switches on for the layers from
    /// `max_window_layers` on, and from this one on where the file does not say; nil: a window is
    /// all layers' unless it is switched off.
    package var firstWindowLayer: Int?
    /// Whether `layer_types` says of each layer whether it has the window, and the rotary parameters
    /// what they are for either kind.
    package var mixesWindows: Bool
    /// Which layers have it where there is no `layer_types`; nil: none.
    package var windows: WindowPattern?
    /// What layers with a window have apart from the others, which may lend them keys and values; nil:
    /// all layers have the same heads.
    package var windowHeads: HuggingFaceWindowHeads.Keys?
    /// Whether layers have delta nets, of which `layer_types` says where they are.
    package var hasDeltaNets = false
    /// F where the file does not say.
    package var intermediateSize: Int?
    /// Whether published files hold experts quantised as MXFP4.
    package var readsMXFP4 = false
    /// Whether queries, keys and values have biases, of which the file need say nothing.
    package var hasAttentionBias: Bool
    /// What the sizes of latent attention are where the file does not say; nil: attention is not
    /// latent.
    package var latent: HuggingFaceLatentKeys?
    /// What the file says of experts; nil: the family has none.
    package var mixture: HuggingFaceMixtureKeys?
    /// Whether the output matrix is the token embedding where the file does not say.
    package var isTied: Bool
    /// How much of a head rotates where the file does not say.
    package var partialRotaryFactor: Double
    /// Which components of a head rotate together, by the order of the rows in the family's files.
    package var ropePairing: RopePairing
    /// Truth values of its own, false where the file does not say, and the number that is 1 where one
    /// is true.
    package var flags: [(key: String, number: FamilyNumber)]
    /// Keys of its own that are understood at these values alone (in a list, at each of these); none:
    /// at any, since nothing computes with them.
    package var constants: [(key: String, values: [JSONValue])]
    /// Numbers of its own among the rotary parameters; a file that has some must have these.
    package var ropeNumbers: [NumberKey]
    /// Further keys among the rotary parameters, which mean nothing for text.
    package var inertRopeKeys: Set<String> = []
    /// The rotary parameters of a file that has none.
    package var ropeParameters: JSONObject?
    /// Further entries of `architectures` whose tensors are the same, or more.
    package var aliases: [String] = []
    /// Numbers of its own at the top level.
    package var numbers: [NumberKey] = []
    /// What those are that a file does not state.
    package var defaults: [FamilyNumber: Double] = [:]
    /// The number that says how many labels a head has, if there is one.
    package var labels: FamilyNumber?

    /// Describes keys and defaults.
    package init(
        architecture: String, modelType: String, wrapper: String? = nil, kvHeadCount: Int? = nil,
        headDimension: Int? = nil, contextLength: Int, ropeTheta: Double, rmsNormEpsilon: Double,
        hasSlidingWindow: Bool = true, slidingWindow: Int? = nil, firstWindowLayer: Int? = nil,
        mixesWindows: Bool = false, hasAttentionBias: Bool = false,
        mixture: HuggingFaceMixtureKeys? = nil,
        isTied: Bool = false, partialRotaryFactor: Double = 1, ropePairing: RopePairing = .halves,
        flags: [(key: String, number: FamilyNumber)] = [],
        constants: [(key: String, values: [JSONValue])] = [], ropeNumbers: [NumberKey] = [],
        ropeParameters: JSONObject? = nil
    ) {
        self.architecture = architecture
        self.modelType = modelType
        self.wrapper = wrapper
        self.kvHeadCount = kvHeadCount
        self.headDimension = headDimension
        self.contextLength = contextLength
        self.ropeTheta = ropeTheta
        self.rmsNormEpsilon = rmsNormEpsilon
        self.hasSlidingWindow = hasSlidingWindow
        self.slidingWindow = slidingWindow
        self.firstWindowLayer = firstWindowLayer
        self.mixesWindows = mixesWindows
        self.hasAttentionBias = hasAttentionBias
        self.mixture = mixture
        self.isTied = isTied
        self.partialRotaryFactor = partialRotaryFactor
        self.ropePairing = ropePairing
        self.flags = flags
        self.constants = constants
        self.ropeNumbers = ropeNumbers
        self.ropeParameters = ropeParameters
    }

    /// Describes keys and defaults of a family of encoders, which have neither rotary embeddings nor
    /// windows.
    package init(
        architecture: String, modelType: String, aliases: [String] = [], contextLength: Int,
        normEpsilon: Double, numbers: [NumberKey], defaults: [FamilyNumber: Double],
        labels: FamilyNumber? = nil
    ) {
        self.init(
            architecture: architecture, modelType: modelType, contextLength: contextLength,
            ropeTheta: 10_000, rmsNormEpsilon: normEpsilon, hasSlidingWindow: false)
        self.aliases = aliases
        self.numbers = numbers
        self.defaults = defaults
        self.labels = labels
    }

    /// Whether an entry of `architectures` means the family.
    func isNamed(_ name: String) -> Bool { name == architecture || aliases.contains(name) }
}

/// What is a family's own in Mistral's params.json; the other keys are those of
/// `MistralConfiguration`.
package struct MistralKeys: Sendable {
    /// What the family is called: the format has no field for it.
    package let name: String
    /// Base of the rotary frequencies where the file does not state it.
    package let ropeTheta: Double
    /// A field by which the family's files are recognised, since no other family's have it.
    ///
    /// It is an object that holds the `numbers`.
    package let mark: String?
    /// Whether attention is latent.
    package let isLatent: Bool
    /// What the experts are besides what the file says.
    package let mixture: ExpertMixture
    /// The family's own numbers in that object.
    package let numbers: [NumberKey]
    /// Fields of parts that are left out.
    package let ignored: [String]

    /// Describes the keys.
    package init(
        name: String, ropeTheta: Double, mark: String? = nil, isLatent: Bool = false,
        mixture: ExpertMixture = ExpertMixture(), numbers: [NumberKey] = [], ignored: [String] = []
    ) {
        self.name = name
        self.ropeTheta = ropeTheta
        self.mark = mark
        self.isLatent = isLatent
        self.mixture = mixture
        self.numbers = numbers
        self.ignored = ignored
    }
}
