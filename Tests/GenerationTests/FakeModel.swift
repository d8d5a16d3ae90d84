// SPDX-License-Identifier: Apache-2.0

import Computation
import Generation
import Inference

/// A model whose logits are any function of the whole prefix, which it reads back from a KV cache
/// of its own: a wrong block table, position or order shows as a wrong text.
final class FakeModel: LanguageModel {
    let vocabularyCount: Int
    let contextLength: Int
    let blockCount: Int
    let positionsPerBlock: Int
    let maxBatchTokens: Int
    let maxLogitsRows: Int
    let hasItsWeights: Bool
    let expertUsage: ExpertUsage?
    let stepReadByteCount = 1000

    private let logits: @Sendable ([Int32]) -> [Float]
    private let willForward: @Sendable (ForwardBatch) throws -> Void
    private var cache: [(position: Int, token: Int32)?]
    private var rows: [[Float]] = []

    init(
        vocabularyCount: Int = FakeTokenizer.vocabularyCount, contextLength: Int = 256,
        blockCount: Int = 256, positionsPerBlock: Int = 4, maxBatchTokens: Int = 128,
        maxLogitsRows: Int = 64, hasItsWeights: Bool = true, expertUsage: ExpertUsage? = nil,
        willForward: @escaping @Sendable (ForwardBatch) throws -> Void = { _ in },
        logits: @escaping @Sendable ([Int32]) -> [Float] = FakeModel.random
    ) {
        self.vocabularyCount = vocabularyCount
        self.contextLength = contextLength
        self.blockCount = blockCount
        self.positionsPerBlock = positionsPerBlock
        self.maxBatchTokens = maxBatchTokens
        self.maxLogitsRows = maxLogitsRows
        self.hasItsWeights = hasItsWeights
        self.expertUsage = expertUsage
        self.willForward = willForward
        self.logits = logits
        cache = Array(repeating: nil, count: blockCount * positionsPerBlock)
    }

    /// Logits that look random and depend on every token before.
    static let random: @Sendable ([Int32]) -> [Float] = { prefix in
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for token in prefix { hash = (hash ^ UInt64(bitPattern: Int64(token))) &* 0x100_0000_01B3 }
        return (0..<FakeTokenizer.vocabularyCount).map { id in
            let mixed = (hash ^ UInt64(id)) &* 0x9E37_79B9_7F4A_7C15
            return Float(mixed >> 40) / Float(1 << 24) * 6
        }
    }

    /// Logits that continue every prompt, which ends with the token `|`, by the script.
    static func script(_ tokens: [Int32]) -> @Sendable ([Int32]) -> [Float] {
        { prefix in
            let bar = FakeTokenizer.id("|")
            let done = prefix.count - 1 - (prefix.firstIndex(of: bar) ?? 0)
            var row = Array(repeating: Float(0), count: FakeTokenizer.vocabularyCount)
            row[Int(done < tokens.count ? tokens[done] : FakeTokenizer.eos)] = 10
            return row
        }
    }

    var attentionWindow: Int? { nil }

    func copyBlock(from source: Int, to destination: Int) {
        for offset in 0..<positionsPerBlock {
            cache[destination * positionsPerBlock + offset] =
                cache[source * positionsPerBlock + offset]
        }
    }

    var blockByteCount: Int { positionsPerBlock * 8 }

    func readBlock(_ block: Int, into bytes: inout [UInt8], at offset: Int) {
        for place in 0..<positionsPerBlock {
            let entry = cache[block * positionsPerBlock + place]
            let word =
                UInt64(UInt32(bitPattern: entry?.token ?? 0)) << 32
                | UInt64(entry.map { $0.position + 1 } ?? 0)
            for byte in 0..<8 {
                bytes[offset + 8 * place + byte] = UInt8(
                    truncatingIfNeeded: word >> UInt64(8 * byte))
            }
        }
    }

    func writeBlock(_ block: Int, from bytes: ArraySlice<UInt8>) {
        for place in 0..<positionsPerBlock {
            let start = bytes.startIndex + 8 * place
            let word = bytes[start..<start + 8].reversed().reduce(UInt64(0)) {
                $0 << 8 | UInt64($1)
            }
            let position = Int(word & 0xFFFF_FFFF) - 1
            cache[block * positionsPerBlock + place] =
                position < 0
                ? nil : (position, Int32(bitPattern: UInt32(truncatingIfNeeded: word >> 32)))
        }
    }

    func forward(step batch: borrowing ForwardBatch, isUnwanted: (() -> Bool)?) throws -> Bool {
        let batch = copy batch
        try willForward(batch)
        precondition(batch.tokens.count <= maxBatchTokens, "too many tokens")
        precondition(batch.logitsRowCount <= maxLogitsRows, "too many rows")
        rows.removeAll()
        for slice in batch.slices {
            if isUnwanted?() == true { return false }
            for offset in 0..<slice.tokenCount {
                let position = slice.startPosition + offset
                cache[place(of: position, in: slice)] = (
                    position, batch.tokens[slice.firstToken + offset]
                )
                guard offset >= slice.tokenCount - slice.logitsRowCount else { continue }
                rows.append(logits(try prefix(through: position, of: slice)))
            }
        }
        return true
    }

    func withLogits<Result>(row: Int, _ body: (Span<Float>) throws -> Result) rethrows -> Result {
        let logits = rows[row]
        return try body(logits.span)
    }

    private func prefix(through last: Int, of slice: SequenceSlice) throws -> [Int32] {
        try (0...last).map { position in
            let entry = cache[place(of: position, in: slice)]
            guard let entry, entry.position == position else { throw FakeModelError.lostPosition }
            return entry.token
        }
    }

    private func place(of position: Int, in slice: SequenceSlice) -> Int {
        let block = slice.blockTable[position / positionsPerBlock]
        return Int(block) * positionsPerBlock + position % positionsPerBlock
    }
}

enum FakeModelError: Error {
    case lostPosition
    case broken
}
