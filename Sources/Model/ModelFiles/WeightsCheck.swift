// SPDX-License-Identifier: Apache-2.0

import Computation
import Dispatch
import Quantization
import Synchronization

/// Reads the bytes of all tensors once, on all cores, and finds the first that is not sound.
struct WeightsCheck {
    /// In the model's order.
    let tensors: [StoredTensor]
    /// Scaling factors of rotary frequencies, whose checksum counts too.
    let ropeFactors: StoredTensor?

    /// Checks all.
    ///
    /// - Parameter progress: told the share of the bytes that is read, on any thread.
    /// - Throws: `ModelFileError` about the first tensor that is not sound.
    func run(progress: @Sendable (Double) -> Void) throws(ModelFileError) {
        let withChecksum = (tensors + [ropeFactors].compactMap(\.self))
            .filter { $0.checksum != nil }
        let all = (withChecksum + tensors.filter { $0.layout == .rows })
            .reduce(0) { $0 + $1.byteCount }
        let done = Atomic(0)
        @Sendable func noteRead(_ byteCount: Int) {
            let read = done.add(byteCount, ordering: .relaxed).newValue
            progress(Double(read) / Double(all))
        }
        try verifyChecksums(of: withChecksum, noteRead)
        let chunks = tensors.enumerated().flatMap { index, tensor in
            (tensor.layout == .rows ? tensor.chunks() : []).map { (tensor: index, blocks: $0) }
        }
        let failures = Mutex<[(tensor: Int, block: Int)]>([])
        let stored = tensors
        DispatchQueue.concurrentPerform(iterations: chunks.count) { index in
            let chunk = chunks[index]
            if let block = stored[chunk.tensor].firstNonFiniteBlock(in: chunk.blocks) {
                failures.withLock { $0.append((chunk.tensor, block)) }
            }
            noteRead(chunk.blocks.count * stored[chunk.tensor].type.bytesPerBlock)
        }
        guard let first = failures.withLock({ $0.min(by: <) }) else { return }
        let tensor = stored[first.tensor]
        let what = tensor.type.elementsPerBlock == 1 ? "element" : "the scale of block"
        throw .tensor(
            path: tensor.file.path, name: tensor.name,
            problem: "\(what) \(first.block) is not a finite number")
    }

    private func verifyChecksums(
        of tensors: [StoredTensor], _ noteRead: @Sendable (Int) -> Void
    ) throws(ModelFileError) {
        let failures = Mutex<[Int]>([])
        DispatchQueue.concurrentPerform(iterations: tensors.count) { index in
            if !tensors[index].hasStatedChecksum(noteRead) {
                failures.withLock { $0.append(index) }
            }
        }
        guard let first = failures.withLock({ $0.min() }) else { return }
        throw .tensor(
            path: tensors[first].file.path, name: tensors[first].name,
            problem: "its bytes are damaged: they do not have the checksum that was packed")
    }
}

extension StoredTensor {
    /// How much is read before it is told that it was: a multiple of 32, as ``XXH64`` wants it.
    private static let pieceByteCount = 1 << 23

    /// Whether the bytes have the checksum that the file states, if it states one.
    fileprivate func hasStatedChecksum(_ noteRead: @Sendable (Int) -> Void) -> Bool {
        guard let checksum else { return true }
        var found = XXH64()
        do {
            for start in stride(from: 0, to: byteCount, by: Self.pieceByteCount) {
                let count = min(Self.pieceByteCount, byteCount - start)
                found.update(try file.bytes(at: byteOffset + start, count: count))
                noteRead(count)
            }
        } catch {
            return false
        }
        return found.digest == checksum
    }

    /// Ranges of blocks of some megabytes each.
    func chunks() -> [Range<Int>] {
        let blocks = byteCount / type.bytesPerBlock
        let size = max(1, Self.pieceByteCount / type.bytesPerBlock)
        return stride(from: 0, to: blocks, by: size).map { $0..<min($0 + size, blocks) }
    }

    /// The first block among `blocks` with a scale, minimum or value that is NaN or infinite.
    package func firstNonFiniteBlock(in blocks: Range<Int>) -> Int? {
        let start = byteOffset + blocks.lowerBound * type.bytesPerBlock
        if type == .f32 {
            return file.firstNonFinite32(start: start, count: blocks.count)
                .map { $0 + blocks.lowerBound }
        }
        if let exponent = type.spreadExponent {
            return file.firstWord32(
                start: start + exponent.offset, stride: type.bytesPerBlock, count: blocks.count,
                mask: exponent.mask
            ).map { $0 + blocks.lowerBound }
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
