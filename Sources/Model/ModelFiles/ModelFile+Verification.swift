// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Quantization
import Synchronization
import Tensors

extension ModelFile {
    /// Reads all weights once and checks that they are finite: every value of the plain types,
    /// every scale and minimum of the block types.
    ///
    /// - Complexity: O(bytes), on all cores.
    /// - Throws: `ModelFileError` about the first tensor, in the model's order, that is not finite.
    package func verify() throws(ModelFileError) {
        let chunks = storedTensors.enumerated().flatMap { index, tensor in
            tensor.chunks().map { (tensor: index, blocks: $0) }
        }
        let failures = Mutex<[(tensor: Int, block: Int)]>([])
        let stored = storedTensors
        DispatchQueue.concurrentPerform(iterations: chunks.count) { index in
            let chunk = chunks[index]
            if let block = stored[chunk.tensor].firstNonFiniteBlock(in: chunk.blocks) {
                failures.withLock { $0.append((chunk.tensor, block)) }
            }
        }
        guard let first = failures.withLock({ $0.min(by: <) }) else { return }
        let tensor = stored[first.tensor]
        let what = tensor.type.elementsPerBlock == 1 ? "element" : "the scale of block"
        throw .tensor(
            path: tensor.file.path, name: tensor.name,
            problem: "\(what) \(first.block) is not a finite number")
    }
}

extension StoredTensor {
    /// Ranges of blocks of some megabytes each.
    func chunks() -> [Range<Int>] {
        let blocks = byteCount / type.bytesPerBlock
        let size = max(1, (1 << 23) / type.bytesPerBlock)
        return stride(from: 0, to: blocks, by: size).map { $0..<min($0 + size, blocks) }
    }

    /// The first block among `blocks` with a scale, minimum or value that is NaN or infinite.
    func firstNonFiniteBlock(in blocks: Range<Int>) -> Int? {
        let start = byteOffset + blocks.lowerBound * type.bytesPerBlock
        if type == .f32 {
            return file.firstNonFinite32(start: start, count: blocks.count)
                .map { $0 + blocks.lowerBound }
        }
        var first: Int?
        for offset in type.floatOffsets {
            let index = file.firstNonFinite16(
                start: start + offset, stride: type.bytesPerBlock, count: blocks.count,
                exponentMask: type == .bf16 ? 0x7F80 : 0x7C00)
            if let index, index < first ?? .max { first = index }
        }
        return first.map { $0 + blocks.lowerBound }
    }
}

extension ElementType {
    /// Where a block has 16-bit floating-point numbers, in bytes from its start.
    var floatOffsets: [Int] {
        switch self {
        case .f32: []
        case .f16, .bf16, .q4_0, .q5_0, .q8_0, .iq4_nl, .iq4_xs: [0]
        case .q4_1, .q5_1, .q4_K, .q5_K: [0, 2]
        case .q2_K: [80, 82]
        case .q3_K: [108]
        case .q6_K: [208]
        }
    }
}
