// SPDX-License-Identifier: Apache-2.0

import Computation
import Quantization

/// Makes weights readable that are published in eight or four bits: BF16, of which each is the code
/// times its scale, rounded once.
///
/// They are made when they are read, some rows at a time, from the codes in the file; so a model is
/// packed or quantised without room for all of them. Activations are not rounded here, whatever the
/// file says of their scales.
///
/// | codes | scales |
/// |---|---|
/// | `NAME` of F8_E4M3 | `NAME_scale_inv`, `NAME_scale` or `STEM.qscale_weight` |
/// | `STEM.weight_packed` of E2M1 | `STEM.weight_scale` of 16, divided by `STEM.weight_global_scale` |
/// | `STEM.weight` of E2M1 | `STEM.weight_scale` of 16, times `STEM.weight_scale_2` |
///
/// Scales of codes of eight bits are one, or one for each matrix, row or block.
///
/// - Source: transformers' `finegrained_fp8.py`, compressed-tensors' `nvfp4` and `float-quantized`,
///   ModelOpt, and vLLM's reading of Mistral's `qscale_weight`.
struct QuantizedWeights {
    /// The tensors that can be read, those that are made last.
    private(set) var stored: [StoredTensor]
    /// The others.
    private(set) var unreadable: [UnreadableTensor]

    /// What is left of both, by name.
    private var readable: [String: StoredTensor]
    private var raw: [String: UnreadableTensor]
    private var made: [StoredTensor] = []
    private let scheme: QuantizationScheme

    /// Makes readable what can be.
    ///
    /// - Throws: an error that names the tensor whose scales are missing parts or of another shape.
    init(
        _ tensors: [StoredTensor], _ unreadable: [UnreadableTensor], _ scheme: QuantizationScheme
    ) throws(ModelFileError) {
        self.scheme = scheme
        (stored, self.unreadable) = (tensors, unreadable)
        readable = Dictionary(
            tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        raw = Dictionary(
            unreadable.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for tensor in unreadable {
            guard let codes = tensor.bytes else { continue }
            switch codes.kind {
            case .e4m3: try makeE4M3(tensor.name, codes)
            case .bytes: try makeE2M1(tensor.name, codes)
            }
        }
        if made.isEmpty { return }
        stored = tensors.filter { readable[$0.name] != nil } + made
        self.unreadable = unreadable.filter { raw[$0.name] != nil }
    }

    private static let weight = ".weight"

    /// The name without `.weight` at its end.
    private static func stem(of name: String) -> String {
        name.hasSuffix(weight) ? String(name.dropLast(weight.count)) : name
    }

    private mutating func makeE4M3(_ name: String, _ codes: RawTensor) throws(ModelFileError) {
        let stem = Self.stem(of: name)
        let names = [name + "_scale_inv", name + "_scale", stem + ".qscale_weight"]
        guard let scale = names.compactMap({ readable[$0] }).first else { return }
        let shape = try shape(of: codes, name)
        let (values, blockRows, blockColumns) = try scales(scale, of: shape, outer: codes.shape)
        try replace(
            name, scale.name, stem,
            ScaledCodes(
                codes: (codes.file, codes.byteOffset),
                form: .e4m3(scales: values, blockRows: blockRows, blockColumns: blockColumns)),
            shape, sizes: codes.shape, as: name)
    }

    private mutating func makeE2M1(_ name: String, _ codes: RawTensor) throws(ModelFileError) {
        let isPacked = name.hasSuffix("_packed")
        let own = isPacked ? String(name.dropLast("_packed".count)) : name
        let factorName = own + (isPacked ? "_global_scale" : "_scale_2")
        guard let scales = raw[own + "_scale"]?.bytes, scales.kind == .e4m3,
            let factor = readable[factorName]
        else { return }
        var sizes = codes.shape
        guard let half = sizes.popLast() else { return }
        let (columns, overflow) = half.multipliedReportingOverflow(by: 2)
        sizes.append(columns)
        guard !overflow, columns % 16 == 0 else {
            throw Self.fail(
                codes.file, name, "rows of 2 · \(half) numbers are no whole groups of 16")
        }
        let shape = try shape(of: RawTensor(file: codes.file, shape: sizes, byteOffset: 0), name)
        let expected = sizes.dropLast() + [columns / 16]
        guard scales.shape == Array(expected) else {
            throw Self.fail(
                scales.file, own + "_scale",
                "expected shape \(Array(expected)), found \(scales.shape)")
        }
        var factors =
            [1, shape.count].contains(factor.elementCount) ? try factor.finiteValues() : []
        if factors.count == 1 {
            factors = Array(repeating: factors[0], count: shape.count)
        }
        guard factors.count == shape.count, factors.allSatisfy({ $0 > 0 }) else {
            throw Self.fail(
                factor.file, factorName,
                "expected \(shape.count == 1 ? "one number" : "1 or \(shape.count) numbers") "
                    + "above 0, found shape \(factor.shape)")
        }
        raw[own + "_scale"] = nil
        try replace(
            name, factorName, Self.stem(of: own),
            ScaledCodes(
                codes: (codes.file, codes.byteOffset),
                form: .e2m1(
                    scales: (scales.file, scales.byteOffset), factors: factors,
                    divides: isPacked)),
            shape, sizes: sizes, as: own)
    }

    /// The matrices of a tensor of two or three dimensions.
    private func shape(
        of codes: RawTensor, _ name: String
    ) throws(ModelFileError) -> RearrangedMatrices.Shape {
        let sizes = codes.shape
        guard (2...3).contains(sizes.count), sizes.allSatisfy({ $0 > 0 }) else {
            throw Self.fail(codes.file, name, "quantised, but no matrix: shape \(sizes)")
        }
        return (
            count: sizes.count == 3 ? sizes[0] : 1, rows: sizes[sizes.count - 2],
            columns: sizes[sizes.count - 1]
        )
    }

    /// The scales of codes of eight bits, and the blocks that they are of.
    private func scales(
        _ tensor: StoredTensor, of shape: RearrangedMatrices.Shape, outer: [Int]
    ) throws(ModelFileError) -> (values: [Float], blockRows: Int, blockColumns: Int) {
        let (rows, columns) = (shape.rows, shape.columns)
        let grid = [
            (rows + scheme.blockRows - 1) / scheme.blockRows,
            (columns + scheme.blockColumns - 1) / scheme.blockColumns,
        ]
        let stack = Array(outer.dropLast(2))
        let found = tensor.shape
        let areRows = [stack + [rows], stack + [rows, 1]].contains(found)
        // Asked before they are read: there may be any number of them.
        guard found == stack + grid || areRows || [1, shape.count].contains(tensor.elementCount)
        else {
            throw Self.fail(
                tensor.file, tensor.name,
                "expected shape \(stack + grid), of blocks of \(scheme.blockRows) times "
                    + "\(scheme.blockColumns), \(stack + [rows, 1]) or one number, found \(found)")
        }
        let values = try tensor.finiteValues()
        if found == stack + grid { return (values, scheme.blockRows, scheme.blockColumns) }
        if areRows { return (values, 1, columns) }
        if values.count == shape.count { return (values, rows, columns) }
        return (Array(repeating: values[0], count: shape.count), rows, columns)
    }

    /// Puts matrices that are made in the place of codes and scales.
    private mutating func replace(
        _ codes: String, _ scale: String, _ stem: String, _ source: ScaledCodes,
        _ shape: RearrangedMatrices.Shape, sizes: [Int], as name: String
    ) throws(ModelFileError) {
        let matrices: RearrangedMatrices
        do throws(ByteStorageError) {
            matrices = try RearrangedMatrices(scaling: source, shape)
        } catch {
            throw .unreadable(path: source.codes.storage.path, reason: "\(error)")
        }
        guard readable[name] == nil, name == codes || raw[name] == nil else {
            throw Self.fail(
                source.codes.storage, name, "the name occurs twice, once as \(printable(codes))")
        }
        raw[codes] = nil
        readable[scale] = nil
        // Scales of what the matrix is multiplied with.
        let others = [
            stem + ".input_scale", stem + ".activation_scale", stem + ".qscale_act",
            stem + ".input_global_scale", name + "_activation_scale",
        ]
        for other in others { readable[other] = nil }
        made.append(
            StoredTensor(
                name: name, file: matrices, type: .bf16, shape: sizes, byteOffset: 0,
                byteCount: matrices.byteCount))
    }

    private static func fail(
        _ file: ByteStorage, _ name: String, _ problem: String
    ) -> ModelFileError {
        .tensor(path: file.path, name: name, problem: problem)
    }

    // MARK: GGUF

    /// The tensors of a GGUF file, with each of NVFP4 that `NAME.scale` multiplies as BF16 that is
    /// made when it is read.
    ///
    /// - Throws: an error that names the tensor of factors that is of another shape.
    static func multiplied(_ tensors: [StoredTensor]) throws(ModelFileError) -> [StoredTensor] {
        guard tensors.contains(where: { $0.type == .nvfp4 }) else { return tensors }
        let factors = Dictionary(
            tensors.filter { $0.name.hasSuffix(".scale") }.map { ($0.name, $0) },
            uniquingKeysWith: { first, _ in first })
        var used: Set<String> = []
        var result: [StoredTensor] = []
        for tensor in tensors {
            let name = stem(of: tensor.name) + ".scale"
            guard tensor.type == .nvfp4, let factor = factors[name] else {
                result.append(tensor)
                continue
            }
            let count = tensor.shape.count == 3 ? tensor.shape[0] : 1
            guard tensor.shape.count >= 2, [1, count].contains(factor.elementCount) else {
                throw fail(
                    factor.file, name,
                    "\(factor.elementCount) factors for the shape \(tensor.shape)")
            }
            let values = try factor.finiteValues()
            used.insert(name)
            if values.allSatisfy({ $0 == 1 }) {
                result.append(tensor)
                continue
            }
            let rows = tensor.elementCount / (tensor.shape.last ?? 1)
            var made = tensor
            do throws(ByteStorageError) {
                made.file = try RearrangedMatrices(
                    multiplying: tensor.matrix(firstRow: 0, rows: rows),
                    by: values.count == count
                        ? values : Array(repeating: values[0], count: count),
                    (count: count, rows: rows / count, columns: tensor.shape.last ?? 1))
            } catch {
                throw .unreadable(path: tensor.file.path, reason: "\(error)")
            }
            (made.type, made.byteOffset, made.byteCount) = (.bf16, 0, made.file.byteCount)
            result.append(made)
        }
        return result.filter { !used.contains($0.name) }
    }
}
