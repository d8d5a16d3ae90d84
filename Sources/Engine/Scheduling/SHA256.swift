// SPDX-License-Identifier: Apache-2.0

/// The digest SHA-256 of words: equal digests mean equal words, whoever chose them.
///
/// Nothing is allocated, since a sequence that decodes needs one for each block.
///
/// - Source: FIPS 180-4 §6.2.
package struct SHA256 {
    private static let constants: [UInt32] = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1,
        0x923f_82a4, 0xab1c_5ed5, 0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3,
        0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174, 0xe49b_69c1, 0xefbe_4786,
        0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147,
        0x06ca_6351, 0x1429_2967, 0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13,
        0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85, 0xa2bf_e8a1, 0xa81a_664b,
        0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a,
        0x5b9c_ca4f, 0x682e_6ff3, 0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208,
        0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ]

    private var state: SIMD8<UInt32> = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c,
        0x1f83_d9ab, 0x5be0_cd19,
    ]

    /// The words of the block that is not yet full, then those of its schedule.
    private var window = SIMD16<UInt32>()
    private var wordCount = 0

    /// The digest of a text, each of whose bytes is a word: 64 hexadecimal digits.
    package static func digits(of text: String) -> String {
        var digest = SHA256()
        for byte in text.utf8 { digest.append(UInt32(byte)) }
        let words = digest.finish()
        return words.indices.map { place in
            let digits = String(words[place], radix: 16)
            return String(repeating: "0", count: 8 - digits.utf8.count) + digits
        }.joined()
    }

    /// Adds 4 bytes, the most significant one first.
    mutating func append(_ word: UInt32) {
        window[wordCount % 16] = word
        wordCount += 1
        if wordCount % 16 == 0 { compress() }
    }

    /// The digest of all words that were added: 32 bytes, the most significant one first.
    consuming func finish() -> SIMD8<UInt32> {
        let bitCount = UInt64(wordCount) * 32
        append(0x8000_0000)
        while wordCount % 16 != 14 { append(0) }
        append(UInt32(truncatingIfNeeded: bitCount >> 32))
        append(UInt32(truncatingIfNeeded: bitCount))
        return state
    }

    private mutating func compress() {
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        for round in 0..<64 {
            let place = round % 16
            if round >= 16 {
                let (early, late) = (window[(round + 1) % 16], window[(round + 14) % 16])
                let small = Self.turned(early, 7) ^ Self.turned(early, 18) ^ early >> 3
                let large = Self.turned(late, 17) ^ Self.turned(late, 19) ^ late >> 10
                window[place] = window[place] &+ small &+ window[(round + 9) % 16] &+ large
            }
            let large = Self.turned(e, 6) ^ Self.turned(e, 11) ^ Self.turned(e, 25)
            let choice = (e & f) ^ (~e & g)
            let first = h &+ large &+ choice &+ Self.constants[round] &+ window[place]
            let small = Self.turned(a, 2) ^ Self.turned(a, 13) ^ Self.turned(a, 22)
            let majority = (a & b) ^ (a & c) ^ (b & c)
            (h, g, f, e) = (g, f, e, d &+ first)
            (d, c, b, a) = (c, b, a, first &+ small &+ majority)
        }
        state = state &+ SIMD8(a, b, c, d, e, f, g, h)
    }

    private static func turned(_ word: UInt32, _ count: UInt32) -> UInt32 {
        word >> count | word << (32 - count)
    }
}
