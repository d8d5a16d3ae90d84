// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
import ModelFiles
import ModelTools
import Quantization
import TestSupport

/// A small random model whose weights are also at hand as plain numbers.
struct TinyModel {
    struct Matrix {
        let rows: Int
        let columns: Int
        let values: [Float]
        let weights: WeightMatrix

        /// A matrix stored as `type`; `values` is what is left of them then.
        init(rows: Int, columns: Int, values: [Float], type: ElementType) {
            self.rows = rows
            self.columns = columns
            let bytes = type.encoded(values)
            self.values = type.decoded(bytes)
            weights = WeightMatrix(
                storage: AnonymousMemory(bytes: bytes), byteOffset: 0, type: type, rowCount: rows,
                columnCount: columns)
        }

        /// The matrix times a vector, in double precision.
        func times(_ x: [Double]) -> [Double] {
            (0..<rows).map { row in
                var sum = 0.0
                for column in 0..<columns {
                    sum += Double(values[row * columns + column]) * x[column]
                }
                return sum
            }
        }
    }

    struct Expert {
        let w1: Matrix
        let w2: Matrix
        let w3: Matrix
        /// What is added to what w1, w3 and w2 give; empty: nothing.
        var biases: [[Float]] = []
    }

    /// What latent attention has besides.
    struct Latent {
        /// What makes the latents of queries, and the weight of their norm; nil: there are none.
        let query: (matrix: Matrix, norm: [Float])?
        /// The latent, then the key that rotates.
        let latent: Matrix
        let norm: [Float]
        /// `[L, Dn]` and `[Dv, L]` of each head.
        let keys: [Matrix]
        let values: [Matrix]
    }

    struct Layer {
        let attentionNorm: [Float]
        let wq: Matrix
        /// Of no account where attention is latent.
        let wk: Matrix
        let wv: Matrix
        let wo: Matrix
        /// nil: keys and values are those of heads.
        let latent: Latent?
        let ffnNorm: [Float]
        /// What is added to queries, keys and values; empty: nothing.
        let biases: [[Float]]
        /// What is added to the output projection, and the sinks of heads; empty: there are none.
        let outputBias: [Float]
        let sinks: [Float]
        /// The weights of the norms of each head (or all of them) of queries and keys; empty: there
        /// are none.
        let headNorms: [[Float]]
        /// nil: there is one network.
        let router: Matrix?
        /// What is added to the router's logits; empty: nothing.
        let routerBias: [Float]
        /// What is added to scores for the choice; empty: nothing.
        let selectionBias: [Float]
        let experts: [Expert]
        /// What every token passes beside its experts.
        let shared: Expert?
        /// What makes the gate of that; empty: there is none.
        let sharedGate: [Float]
        /// What the layer has instead of attention.
        let deltaNet: DeltaNet?
        /// What only Gemma 4's layers have, by the names of the roles.
        let further: Further
    }

    /// Weights by the names of their roles, for families that have many of their own.
    struct Further {
        var vectors: [String: [Float]] = [:]
        var matrices: [String: Matrix] = [:]

        func vector(_ name: String) -> [Float] { vectors[name] ?? [] }
    }

    struct DeltaNet {
        let queryKeyValue: Matrix
        let gate: Matrix
        let decay: Matrix
        let beta: Matrix
        /// `[C, W]`.
        let convolution: [Float]
        let decayBias: [Float]
        let rate: [Float]
        let norm: [Float]
        let output: Matrix
    }

    let configuration: ModelConfiguration
    let embedding: Matrix
    let layers: [Layer]
    let outputNorm: [Float]
    let output: Matrix
    /// What else stands before the layers.
    let furtherInputs: Further
    let tensors: ModelTensors

    /// A model whose matrices are stored as `type`, but the router's as f32, as in files.
    init(_ configuration: ModelConfiguration, seed: UInt64, type: ElementType = .f32) {
        let c = configuration
        var random = RandomNumbers(seed: seed)
        func matrix(
            _ rows: Int, _ columns: Int, gain: Float = 1.5, type: ElementType = type
        ) -> Matrix {
            let scale = gain / Float(columns).squareRoot()
            return Matrix(
                rows: rows, columns: columns,
                values: (0..<rows * columns).map { _ in random.nextNormal() * scale }, type: type)
        }
        func norm(_ count: Int) -> [Float] {
            (0..<count).map { _ in 1 + 0.2 * random.nextNormal() }
        }
        func bias(_ count: Int, by spread: Float = 1) -> [Float] {
            (0..<count).map { _ in spread * random.nextNormal() }
        }
        func expert(width: Int) -> Expert {
            Expert(
                w1: matrix(width, c.hiddenSize), w2: matrix(c.hiddenSize, width),
                w3: matrix(width, c.hiddenSize))
        }
        let schema = Architecture.of(c).schema
        func further(
            _ declared: [TensorDeclaration], _ numbers: ModelConfiguration
        ) -> Further {
            var further = Further()
            for tensor in declared where Self.furtherRoles.contains(tensor.role.description) {
                let (name, sizes) = (tensor.role.description, tensor.sizes(in: numbers))
                if !tensor.isVector {
                    further.matrices[name] = matrix(sizes[0], sizes[1])
                } else {
                    further.vectors[name] = norm(sizes[0])
                }
            }
            // What it scales is as long as one number.
            let scale = Float(c.hiddenSize).squareRoot()
            let name = "scale of the router's input"
            further.vectors[name] = further.vectors[name].map { $0.map { $0 * scale } }
            return further
        }
        func latent(_ sizes: LatentDimensions) -> Latent {
            let unrotated = c.headDimension - c.ropeDimensionCount
            return Latent(
                query: sizes.queryRank.map { (matrix($0, c.hiddenSize), norm($0)) },
                latent: matrix(sizes.rank + c.ropeDimensionCount, c.hiddenSize),
                norm: norm(sizes.rank),
                keys: (0..<c.headCount).map { _ in matrix(sizes.rank, unrotated) },
                values: (0..<c.headCount).map { _ in matrix(sizes.valueDimension, sizes.rank) })
        }
        embedding = matrix(c.vocabularySize, c.hiddenSize, gain: Float(c.hiddenSize).squareRoot())
        let model = c
        furtherInputs = further(schema.inputs(of: c), c)
        layers = (0..<c.layerCount).map { index in
            let c = model.own(layer: index)
            let (h, k) = (c.headCount * c.headDimension, c.kvHeadCount * c.headDimension)
            let declared = schema.layer(model, index)
            func size(_ name: String) -> Int? {
                declared.first { $0.role == TensorRole(name) }?.sizes(in: c)[0]
            }
            let hasExperts = c.hasExperts(layer: index)
            let scoreSpread: Float = c.mixture.rule.scoring == .sigmoid ? 0.1 : 0.03
            return Layer(
                attentionNorm: norm(c.hiddenSize),
                wq: matrix(size("wq") ?? h, c.latent?.queryRank ?? c.hiddenSize),
                wk: matrix(k, c.hiddenSize), wv: matrix(k, c.hiddenSize),
                wo: matrix(c.hiddenSize, c.headCount * c.valueDimension),
                latent: c.latent.map { latent($0) }, ffnNorm: norm(c.hiddenSize),
                biases: size("wq bias") == nil ? [] : [bias(h), bias(k), bias(k)],
                outputBias: size("wo bias").map { bias($0) } ?? [],
                sinks: size("sinks").map { bias($0, by: 2) } ?? [],
                headNorms: ["query norm", "key norm"].compactMap { size($0).map { norm($0) } },
                router: hasExperts
                    ? c.expertCount.map { matrix($0, c.hiddenSize, type: .f32) } : nil,
                routerBias: size("router bias").map { bias($0) } ?? [],
                selectionBias: size("selection bias").map { bias($0, by: scoreSpread) } ?? [],
                experts: (0..<(hasExperts ? c.expertCount ?? 1 : 1)).map { _ in
                    var made = expert(width: hasExperts ? c.expertSize : c.intermediateSize)
                    if size("w1 bias") != nil {
                        made.biases = [c.expertSize, c.expertSize, c.hiddenSize].map { bias($0) }
                    }
                    return made
                },
                shared: size("shared w1").map { expert(width: $0) },
                sharedGate: size("gate of the shared expert").map { bias($0, by: 0.3) } ?? [],
                deltaNet: c.deltaLayers.contains(index)
                    ? c.deltaNet.map { net in
                        let values = net.valueHeadCount * net.valueWidth
                        return DeltaNet(
                            queryKeyValue: matrix(net.channelCount, c.hiddenSize),
                            gate: matrix(values, c.hiddenSize),
                            decay: matrix(net.valueHeadCount, c.hiddenSize, type: .f32),
                            beta: matrix(net.valueHeadCount, c.hiddenSize, type: .f32),
                            convolution: bias(net.channelCount * net.tapCount, by: 0.7),
                            decayBias: bias(net.valueHeadCount).map { $0 - 2 },
                            rate: bias(net.valueHeadCount, by: 0.5).map { -1 - abs($0) },
                            norm: norm(net.valueWidth),
                            output: matrix(c.hiddenSize, values, gain: 0.5))
                    } : nil,
                further: further(declared, c))
        }
        outputNorm = norm(c.hiddenSize)
        output = matrix(c.vocabularySize, c.hiddenSize, gain: 3)
        self.configuration = c
        let (embedding, layers, outputNorm, output) = (embedding, layers, outputNorm, output)
        let furtherInputs = furtherInputs
        tensors = ModelTensors.make(
            for: c,
            vector: { role, layer in
                guard let layer = layer.map({ layers[$0] }) else {
                    return furtherInputs.vectors[role.description] ?? outputNorm
                }
                if let vector = layer.further.vectors[role.description] { return vector }
                return switch role {
                case .attentionNorm: layer.attentionNorm
                case TensorRole("wq bias"): layer.biases[0]
                case TensorRole("wk bias"): layer.biases[1]
                case TensorRole("wv bias"): layer.biases[2]
                case TensorRole("wo bias"): layer.outputBias
                case TensorRole("sinks"): layer.sinks
                case TensorRole("router bias"): layer.routerBias
                case TensorRole("w1 bias"): layer.experts.flatMap { $0.biases[0] }
                case TensorRole("w3 bias"): layer.experts.flatMap { $0.biases[1] }
                case TensorRole("w2 bias"): layer.experts.flatMap { $0.biases[2] }
                case TensorRole("norm of the latents of queries"):
                    layer.latent?.query?.norm ?? []
                case TensorRole("norm of latents"): layer.latent?.norm ?? []
                case TensorRole("query norm"): layer.headNorms[0]
                case TensorRole("key norm"): layer.headNorms[1]
                case TensorRole("selection bias"): layer.selectionBias
                case TensorRole("gate of the shared expert"): layer.sharedGate
                case TensorRole("delta convolution"): layer.deltaNet?.convolution ?? []
                case TensorRole("delta decay bias"): layer.deltaNet?.decayBias ?? []
                case TensorRole("delta rate"): layer.deltaNet?.rate ?? []
                case TensorRole("delta norm"): layer.deltaNet?.norm ?? []
                default: layer.ffnNorm
                }
            },
            matrix: { role, layer, expert in
                guard let layer = layer.map({ layers[$0] }) else {
                    let further = furtherInputs.matrices[role.description]
                    return (further ?? (role == .output ? output : embedding)).weights
                }
                if let matrix = layer.further.matrices[role.description] { return matrix.weights }
                if let net = layer.deltaNet {
                    switch role {
                    case TensorRole("delta wqkv"): return net.queryKeyValue.weights
                    case TensorRole("delta wz"): return net.gate.weights
                    case TensorRole("delta wa"): return net.decay.weights
                    case TensorRole("delta wb"): return net.beta.weights
                    case TensorRole("delta wo"): return net.output.weights
                    default: break
                    }
                }
                return switch role {
                case .query: layer.wq.weights
                case .key: layer.wk.weights
                case .value: layer.wv.weights
                case .attentionOutput: layer.wo.weights
                case TensorRole("wq_a"): (layer.latent?.query?.matrix ?? layer.wq).weights
                case TensorRole("wkv_a"): (layer.latent?.latent ?? layer.wk).weights
                case TensorRole("wk_b"): (layer.latent?.keys[expert] ?? layer.wk).weights
                case TensorRole("wv_b"): (layer.latent?.values[expert] ?? layer.wv).weights
                case .router: (layer.router ?? layer.wo).weights
                case TensorRole("shared w1"): (layer.shared ?? layer.experts[0]).w1.weights
                case TensorRole("shared w2"): (layer.shared ?? layer.experts[0]).w2.weights
                case TensorRole("shared w3"): (layer.shared ?? layer.experts[0]).w3.weights
                case .gate: layer.experts[expert].w1.weights
                case .down: layer.experts[expert].w2.weights
                default: layer.experts[expert].w3.weights
                }
            })
    }

    private static let furtherRoles: Set = [
        "norm after attention", "norm after the networks", "norm after the network beside experts",
        "norm before experts", "norm after experts", "scale of the router's input",
        "scales of experts", "scale of a layer", "gate of a layer's input",
        "projection of a layer's input", "norm of a layer's input", "token embedding of layers",
        "projection to inputs of layers", "norm of inputs of layers",
    ]

    /// Random token ids.
    func tokens(_ count: Int, seed: UInt64) -> [Int32] {
        var random = RandomNumbers(seed: seed)
        return (0..<count).map { _ in Int32(random.next() % UInt64(configuration.vocabularySize)) }
    }
}

/// SplitMix64.
struct RandomNumbers {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// The sum of twelve uniform numbers less six: nearly normal.
    mutating func nextNormal() -> Float {
        (0..<12).reduce(Float(-6)) { sum, _ in sum + Float(next() >> 40) * 0x1p-24 }
    }
}
