// SPDX-License-Identifier: Apache-2.0

// The names are the ones that model files use.
// swift-format-ignore: AlwaysUseLowerCamelCase
/// A format in which model files store numbers: plain floats, or blocks that share a scale.
///
/// Rows of a tensor are whole numbers of blocks, one block after another, little-endian. What is
/// known of a type stands in the file of its format; here is the list of all.
package enum ElementType: String, Hashable, Sendable, CaseIterable {
    case f32
    case f16
    case bf16
    case q8_0
    case q4_0
    case q4_1
    case q5_0
    case q5_1
    case q2_K
    case q3_K
    case q4_K
    case q5_K
    case q6_K
    case iq4_nl
    case iq4_xs
    case iq1_s
    case iq1_m
    case iq2_xxs
    case iq2_xs
    case iq2_s
    case iq3_xxs
    case iq3_s
    case tq1_0
    case tq2_0
    case mxfp4
    case nvfp4

    private var format: any BlockDecoding.Type {
        switch self {
        case .f32: F32.self
        case .f16: F16.self
        case .bf16: BF16.self
        case .q8_0: Q8_0.self
        case .q4_0: Q4_0.self
        case .q4_1: Q4_1.self
        case .q5_0: Q5_0.self
        case .q5_1: Q5_1.self
        case .q2_K: Q2_K.self
        case .q3_K: Q3_K.self
        case .q4_K: Q4_K.self
        case .q5_K: Q5_K.self
        case .q6_K: Q6_K.self
        case .iq4_nl: IQ4_NL.self
        case .iq4_xs: IQ4_XS.self
        case .iq1_s: IQ1_S.self
        case .iq1_m: IQ1_M.self
        case .iq2_xxs: IQ2_XXS.self
        case .iq2_xs: IQ2_XS.self
        case .iq2_s: IQ2_S.self
        case .iq3_xxs: IQ3_XXS.self
        case .iq3_s: IQ3_S.self
        case .tq1_0: TQ1_0.self
        case .tq2_0: TQ2_0.self
        case .mxfp4: MXFP4.self
        case .nvfp4: NVFP4.self
        }
    }

    /// The number of elements that one block holds; a row's length is a multiple of it.
    package var elementsPerBlock: Int { format.layout.elementCount }

    /// The size of one block.
    package var bytesPerBlock: Int { format.layout.byteCount }

    /// Where a block has 16-bit floating-point numbers, in bytes from its start.
    package var floatOffsets: [Int] { format.floatOffsets }

    /// Where the exponent of a scale is that is no number of 16 bits, and which of its bits are set
    /// where the scale is unusable.
    package var spreadExponent: SpreadExponent? { format.spreadExponent }

    /// The name as people and model files write it, such as `Q4_K`.
    package var name: String { rawValue.uppercased() }

    /// The type's number in a GGUF file.
    package var ggufType: UInt32 { format.layout.ggufType }

    /// The type with a given number in a GGUF file, or nil where it is not one of ours.
    package init?(ggufType: UInt32) {
        guard let type = Self.allCases.first(where: { $0.ggufType == ggufType }) else { return nil }
        self = type
    }

    /// The number of bytes that a row or tensor takes.
    ///
    /// - Parameter elements: the number of elements, from anywhere, even a foreign file.
    /// - Returns: nil where `elements` is negative, not a whole number of blocks, or too large.
    package func byteCount(elements: Int) -> Int? {
        guard elements >= 0, elements % elementsPerBlock == 0 else { return nil }
        let blockCount = elements / elementsPerBlock
        let (bytes, overflow) = blockCount.multipliedReportingOverflow(by: bytesPerBlock)
        return overflow ? nil : bytes
    }

    // MARK: Rewriting

    /// The type in which blocks of this one can be written with the same values, as long as
    /// `canRewrite`; nil: in none.
    package var rewrittenType: ElementType? {
        (format as? any Rewritable.Type)?.rewrittenType
    }

    /// Whether `rewrittenType` has all values of some blocks.
    ///
    /// - Complexity: O(blocks).
    package func canRewrite(_ blocks: Span<UInt8>) -> Bool {
        (format as? any Rewritable.Type)?.canRewriteAll(blocks) ?? false
    }

    /// Writes blocks in `rewrittenType`.
    ///
    /// - Parameters:
    ///   - blocks: whole blocks.
    ///   - target: receives as many blocks of the other type.
    /// - Precondition: `canRewrite(blocks)`.
    package func rewrite(_ blocks: Span<UInt8>, to target: inout MutableSpan<UInt8>) {
        guard let format = format as? any Rewritable.Type else {
            preconditionFailure("\(name) is written in no other type")
        }
        let size = (from: bytesPerBlock, to: format.rewrittenType.bytesPerBlock)
        let count = blocks.count / size.from
        precondition(target.count == count * size.to, "\(target.count) bytes for \(count) blocks")
        for block in 0..<count {
            let start = block * size.from
            format.rewrite(
                blocks.extracting(start..<start + size.from), to: &target, at: block * size.to)
        }
    }

    // MARK: Coding

    /// Decodes whole blocks.
    ///
    /// This is the specification of every type, written for the reader; the
    /// kernels in `CKernels` are fast and agree with it bit for bit.
    ///
    /// - Parameters:
    ///   - blocks: the bytes of the blocks.
    ///   - values: receives the elements.
    /// - Precondition: `blocks` holds exactly the blocks of `values`.
    package func decode(_ blocks: Span<UInt8>, into values: inout MutableSpan<Float>) {
        precondition(
            byteCount(elements: values.count) == blocks.count,
            "\(blocks.count) bytes for \(values.count) elements of \(name)")
        let format = format
        var decoded = [Float](repeating: 0, count: elementsPerBlock)
        for block in 0..<values.count / elementsPerBlock {
            let first = block * elementsPerBlock
            let bytes = block * bytesPerBlock
            format.decode(blocks.extracting(bytes..<bytes + bytesPerBlock), into: &decoded)
            for k in 0..<elementsPerBlock { values[first + k] = decoded[k] }
        }
    }

    /// Decodes whole blocks.
    ///
    /// - Precondition: `blocks` is a whole number of blocks.
    package func decoded(_ blocks: [UInt8]) -> [Float] {
        precondition(blocks.count % bytesPerBlock == 0, "\(blocks.count) bytes of \(name)")
        let count = blocks.count / bytesPerBlock * elementsPerBlock
        var values = [Float](repeating: 0, count: count)
        var target = values.mutableSpan
        decode(blocks.span, into: &target)
        return values
    }

    /// Whether elements can be encoded, too; some types are only read.
    package var isEncodable: Bool { format is any BlockFormat.Type }

    /// Encodes elements with little error.
    ///
    /// The error is the sum of squared differences, in which every element counts the same. The
    /// result is the same on every machine.
    ///
    /// - Parameters:
    ///   - values: a whole number of blocks, of finite numbers; others make poor blocks, no trap.
    ///   - bytes: receives the blocks at its end.
    /// - Precondition: `isEncodable`.
    package func encode(_ values: Span<Float>, into bytes: inout [UInt8]) {
        precondition(values.count % elementsPerBlock == 0, "\(values.count) elements of \(name)")
        guard let format = format as? any BlockFormat.Type else {
            preconditionFailure("\(name) is only read")
        }
        for first in stride(from: 0, to: values.count, by: elementsPerBlock) {
            format.encode(values.extracting(first..<first + elementsPerBlock), into: &bytes)
        }
    }

    /// Encodes elements with little error.
    ///
    /// - Parameter values: a whole number of blocks.
    /// - Returns: the blocks.
    package func encoded(_ values: [Float]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.count / elementsPerBlock * bytesPerBlock)
        encode(values.span, into: &bytes)
        return bytes
    }
}
