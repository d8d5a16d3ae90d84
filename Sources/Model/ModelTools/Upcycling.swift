// SPDX-License-Identifier: Apache-2.0

import Architectures
import Computation
package import ModelFiles
import Quantization

/// Turns a dense model into a mixture of experts: every layer's feed-forward is copied into E
/// experts, each perturbed so that they differ, and a random router is put before them.
///
/// The result is the same for the same seed on every machine. Memory is bounded by one piece of a
/// tensor.
///
/// - Source: sparse upcycling, Komatsuzaki et al. 2022, arXiv:2212.05055; without the training
///   that follows there, so the experts stay near the dense model.
package struct Upcycling: Sendable {
    /// E, at least 2.
    package let expertCount: Int
    /// A, at least 1.
    package let expertsPerToken: Int
    /// How much an expert differs from the dense model, relative to the weights.
    ///
    /// For quantised types it is relative to the scales and minimums of the blocks. 0.05 leaves a
    /// model its sense.
    package let noise: Float
    /// Standard deviation of the router's weights.
    package let routerDeviation: Float
    /// What all random numbers follow from.
    package let seed: UInt64

    /// Describes an upcycling.
    ///
    /// - Throws: if a value is out of range; the error names it.
    package init(
        expertCount: Int = 8, expertsPerToken: Int = 2, noise: Float = 0.05,
        routerDeviation: Float = 0.02, seed: UInt64 = 0
    ) throws(ModelFileError) {
        func fail(_ key: String, _ problem: String) -> ModelFileError {
            .metadata(path: "upcycle", key: key, problem: problem)
        }
        guard (2...1024).contains(expertCount) else {
            throw fail("experts", "expected 2 to 1024, found \(expertCount)")
        }
        guard (1...expertCount).contains(expertsPerToken) else {
            throw fail("top-k", "expected 1 to \(expertCount), found \(expertsPerToken)")
        }
        guard (0...1).contains(noise) else {
            throw fail("noise", "expected 0 to 1, found \(noise)")
        }
        guard (0...10).contains(routerDeviation) else {
            throw fail("router deviation", "expected 0 to 10, found \(routerDeviation)")
        }
        self.expertCount = expertCount
        self.expertsPerToken = expertsPerToken
        self.noise = noise
        self.routerDeviation = routerDeviation
        self.seed = seed
    }

    /// Reads the dense GGUF model at `source` and writes the mixture to `destination`.
    ///
    /// - Parameters:
    ///   - source: a GGUF file.
    ///   - destination: the file to write.
    ///   - replaces: whether an older one is replaced, once the new one is complete.
    ///   - progress: told the share that is done, from 0 to 1, every few megabytes.
    /// - Throws: an error of one line.
    package func run(
        from source: String, to destination: String, replaces: Bool = false,
        progress: (Double) -> Void = { _ in }
    ) throws(ModelFileError) {
        try OutputPath(destination, replaces: replaces, sources: [source]).validate()
        let model = try ModelFile.open(path: source)
        // What it embeds of a GGUF file has no tensors: nothing would be written.
        guard model.packed == nil else {
            throw .unsupported(
                path: source, problem: "it is a packed file; start from what it was packed from")
        }
        guard case .gguf(let file) = model.vocabularySource else {
            throw .unsupported(path: source, problem: "only GGUF files can be upcycled")
        }
        guard !model.configuration.isMixtureOfExperts else {
            throw .unsupported(path: source, problem: "it is a mixture of experts already")
        }
        let parts = try SplitGGUF(first: file).parts
        // All parts are read until the last byte is written, so none of them may be replaced.
        let target = OutputPath(
            destination, replaces: replaces, sources: [source] + parts.map(\.path))
        let tensors = parts.flatMap { part in
            part.tensors.map { StoredTensor($0, of: part.mapping) }
        }
        let steps = try plan(tensors, of: model)
        for case .experts(let tensor) in steps.map(\.content)
        where noise > 0 && tensor.type != .f32 && tensor.type.floatOffsets.isEmpty {
            throw .unsupported(
                path: tensor.file.path,
                problem: "tensor \(tensor.name) is \(tensor.type.name), whose scales cannot be "
                    + "perturbed; upcycle another type")
        }
        var writer = try GGUFWriter(
            target, metadata: metadata(file.metadata, model),
            tensors: steps.map(\.tensor))
        try OutputFile.checkSpace(for: writer.byteCount, at: target)
        let total = Double(writer.byteCount)
        var done = 0
        for (index, step) in steps.enumerated() {
            for piece in pieces(step, stream: UInt64(index)) {
                let bytes = try bytes(of: piece)
                try writer.write(bytes)
                done += bytes.count
                progress(Double(done) / total)
            }
        }
        try model.checkIntact()
        try writer.finish()
    }

    // MARK: Plan

    /// One tensor to write, and where its bytes come from.
    private struct Step {
        var tensor: GGUFWriter.Tensor
        var content: Content

        enum Content {
            case copy(StoredTensor)
            case experts(StoredTensor)
            case router(elementCount: Int)
        }
    }

    private func plan(
        _ tensors: [StoredTensor], of model: ModelFile
    ) throws(ModelFileError) -> [Step] {
        var mixture = model.configuration
        (mixture.expertCount, mixture.expertsPerToken) = (expertCount, expertsPerToken)
        // The family, as a mixture, in whose files the new tensors have their names.
        let names = Architecture.all.map(\.schema).first { $0.describes(mixture) }
        guard let schema = names else {
            throw .unsupported(
                path: model.path,
                problem: "\(model.schema.name) has no mixtures of experts among its models")
        }
        var routers: [String: Step] = [:]
        var experts: [String: String] = [:]
        for index in 0..<mixture.layerCount {
            let dense = model.schema.layer(model.configuration, index)
            let expertTensors = schema.layer(mixture, index)
            for tensor in expertTensors where tensor.copies != nil {
                guard let old = dense.first(where: { $0.role == tensor.role }) else { continue }
                experts[old.writtenName(.gguf, layer: index)] =
                    tensor.writtenName(.gguf, layer: index)
            }
            guard let router = expertTensors.first(where: { $0.role == .router }),
                let norm = dense.first(where: { $0.role == .feedForwardNorm })
            else { continue }
            routers[norm.writtenName(.gguf, layer: index)] = Step(
                tensor: .init(
                    name: router.writtenName(.gguf, layer: index), type: .f32,
                    dimensions: [mixture.hiddenSize, expertCount]),
                content: .router(elementCount: mixture.hiddenSize * expertCount))
        }
        var steps: [Step] = []
        for tensor in tensors {
            if let name = experts[tensor.name] {
                steps.append(
                    Step(
                        tensor: .init(
                            name: name, type: tensor.type,
                            dimensions: tensor.shape.suffix(2).reversed() + [expertCount]),
                        content: .experts(tensor)))
            } else {
                steps.append(
                    Step(
                        tensor: .init(
                            name: tensor.name, type: tensor.type,
                            dimensions: tensor.shape.reversed()),
                        content: .copy(tensor)))
                if let router = routers[tensor.name] { steps.append(router) }
            }
        }
        return steps
    }

    private func metadata(_ old: GGUFMetadata, _ model: ModelFile) -> GGUFMetadata {
        var new = old
        let architecture = model.configuration.architecture
        new["\(architecture).expert_count"] = .uint32(UInt32(expertCount))
        new["\(architecture).expert_used_count"] = .uint32(UInt32(expertsPerToken))
        new["general.name"] = .string("\(model.name) \(expertCount)x upcycled")
        if let label = old["general.size_label"]?.stringValue {
            new["general.size_label"] = .string("\(expertCount)x\(label)")
        }
        new["general.parameter_count"] = nil
        for key in ["split.no", "split.count", "split.tensors.count"] { new[key] = nil }
        new["cierzo.upcycle.noise"] = .float32(noise)
        new["cierzo.upcycle.seed"] = .uint64(seed)
        return new
    }

    // MARK: Content

    /// Some megabytes of one tensor.
    private struct Piece {
        /// The bytes to read; nil for random numbers alone.
        var source: Range<Int>?
        /// What holds them.
        var file: ByteStorage?
        var type: ElementType
        var elementCount: Int
        /// The random stream that perturbs the piece; nil: it is copied as it is.
        var stream: UInt64?
    }

    private static let pieceByteCount = 1 << 20

    private func pieces(_ step: Step, stream: UInt64) -> [Piece] {
        // Each piece has its own stream of random numbers: 24 bits count the pieces of a tensor.
        let streams = stream << 24
        switch step.content {
        case .router(let elementCount):
            return [
                Piece(source: nil, type: .f32, elementCount: elementCount, stream: streams)
            ]
        case .copy(let tensor):
            return Self.ranges(tensor).map {
                Piece(
                    source: $0, file: tensor.file, type: tensor.type, elementCount: 0, stream: nil)
            }
        case .experts(let tensor):
            let ranges = Self.ranges(tensor)
            return (0..<expertCount * ranges.count).map { index in
                Piece(
                    source: ranges[index % ranges.count], file: tensor.file, type: tensor.type,
                    elementCount: 0, stream: streams + UInt64(index))
            }
        }
    }

    private static func ranges(_ tensor: StoredTensor) -> [Range<Int>] {
        let block = tensor.type.bytesPerBlock
        let step = max(1, pieceByteCount / block) * block
        return stride(from: 0, to: tensor.byteCount, by: step).map {
            tensor.byteOffset + $0..<tensor.byteOffset + min($0 + step, tensor.byteCount)
        }
    }

    private func bytes(of piece: Piece) throws(ModelFileError) -> [UInt8] {
        guard let source = piece.source, let file = piece.file else {
            return routerBytes(count: piece.elementCount, stream: piece.stream ?? 0)
        }
        var reader = ByteReader(file, range: source)
        var bytes = try reader.readArray(of: UInt8.self, count: source.count, what: "a tensor")
        if let stream = piece.stream, noise > 0 {
            var random = SplitMix64(seed: seed, stream: stream)
            perturb(&bytes, type: piece.type, &random)
        }
        return bytes
    }

    private func routerBytes(count: Int, stream: UInt64) -> [UInt8] {
        var random = SplitMix64(seed: seed, stream: stream)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count * 4)
        for _ in 0..<count {
            bytes.append(littleEndian: (random.nextGaussian() * routerDeviation).bitPattern)
        }
        return bytes
    }

    /// Multiplies every value of a plain type, every scale and minimum of a block type, by
    /// 1 + noise · gaussian.
    private func perturb(_ bytes: inout [UInt8], type: ElementType, _ random: inout SplitMix64) {
        if type == .f32 {
            for place in stride(from: 0, to: bytes.count, by: 4) {
                let low = UInt32(bytes[place]) | UInt32(bytes[place + 1]) << 8
                let high = UInt32(bytes[place + 2]) | UInt32(bytes[place + 3]) << 8
                let value = Float(bitPattern: high << 16 | low)
                let bits = (value * (1 + noise * random.nextGaussian())).bitPattern
                bytes[place] = UInt8(truncatingIfNeeded: bits)
                bytes[place + 1] = UInt8(truncatingIfNeeded: bits >> 8)
                bytes[place + 2] = UInt8(truncatingIfNeeded: bits >> 16)
                bytes[place + 3] = UInt8(truncatingIfNeeded: bits >> 24)
            }
            return
        }
        let offsets = type.floatOffsets
        for block in stride(from: 0, to: bytes.count, by: type.bytesPerBlock) {
            for offset in offsets {
                let place = block + offset
                let bits = UInt16(bytes[place]) | UInt16(bytes[place + 1]) << 8
                let factor = 1 + noise * random.nextGaussian()
                let scaled = Self.scaled(bits, by: factor, isBrainFloat: type == .bf16)
                bytes[place] = UInt8(truncatingIfNeeded: scaled)
                bytes[place + 1] = UInt8(truncatingIfNeeded: scaled >> 8)
            }
        }
    }

    /// A 16-bit float times `factor`; what was finite stays finite.
    private static func scaled(_ bits: UInt16, by factor: Float, isBrainFloat: Bool) -> UInt16 {
        if isBrainFloat {
            let product = (Float(bitPattern: UInt32(bits) << 16) * factor).bitPattern
            // Round to nearest, ties to even.
            let rounded = (product &+ 0x7FFF &+ (product >> 16 & 1)) >> 16
            return rounded & 0x7F80 == 0x7F80 ? bits : UInt16(truncatingIfNeeded: rounded)
        }
        let product = Float16(Float(Float16(bitPattern: bits)) * factor)
        return product.isFinite ? product.bitPattern : bits
    }
}
