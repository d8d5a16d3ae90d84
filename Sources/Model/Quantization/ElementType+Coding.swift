// SPDX-License-Identifier: Apache-2.0

extension ElementType {
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
}
