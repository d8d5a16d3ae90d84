// SPDX-License-Identifier: Apache-2.0

/// A hash for the tables of a tokenizer that nobody can foresee.
///
/// A vocabulary may come from anyone, who could otherwise choose its tokens and merges so that all
/// of them want one place. Where entries lie changes nothing of what is found.
struct SeededHash: Sendable {
    private let seed = UInt64.random(in: 0...UInt64.max)
    private let factor = UInt64.random(in: 0...UInt64.max) | 1

    /// The hash of a number.
    func of(_ number: UInt64) -> Int {
        Int(truncatingIfNeeded: mix(seed, number))
    }

    /// The hash of bytes; O(range.count).
    func of(_ bytes: [UInt8], _ range: Range<Int>) -> Int {
        var state = mix(seed, UInt64(range.count))
        var word: UInt64 = 0
        var count = 0
        for index in range {
            word = word << 8 | UInt64(bytes[index])
            count += 1
            if count == 8 {
                state = mix(state, word)
                (word, count) = (0, 0)
            }
        }
        return Int(truncatingIfNeeded: mix(state, word))
    }

    /// Both halves of the product: its low bits alone would know nothing of the high ones.
    private func mix(_ state: UInt64, _ word: UInt64) -> UInt64 {
        let product = (state ^ word).multipliedFullWidth(by: factor)
        return product.high ^ product.low
    }
}
