// SPDX-License-Identifier: Apache-2.0

/// Groups of bytes that no set of an expression tells apart, which share a column of the tables.
struct ByteColumns: Sendable {
    /// The column of each byte.
    let columns: [UInt8]

    /// A byte of each column, the first.
    let representatives: [UInt8]

    /// The columns of all expressions of an arena.
    init(of arena: ExpressionArena) {
        // Where a new group begins.
        var cuts = Array(repeating: false, count: 257)
        for byte in [
            0, 0x80, 0x90, 0xA0, 0xC0, 0xC2, 0xE0, 0xE1, 0xED, 0xEE, 0xF0, 0xF1, 0xF4, 0xF5,
        ] {
            cuts[byte] = true
        }
        func cut(before scalar: UInt32) {
            if scalar < 0x80 {
                cuts[Int(scalar)] = true
                return
            }
            guard let scalar = Unicode.Scalar(scalar) else { return }
            let bytes = Array(UTF8.encode(scalar).map(Array.init) ?? [])
            for (index, byte) in bytes.enumerated() {
                cuts[Int(byte)] = true
                // Within the bytes that follow, the first character is one like the others.
                if bytes[(index + 1)...].contains(where: { $0 != 0x80 }) {
                    cuts[Int(byte) + 1] = true
                } else {
                    break
                }
            }
        }
        for scalar in arena.scalars {
            cut(before: scalar)
            cut(before: scalar + 1)
        }
        for range in arena.ranges {
            cut(before: range.lower)
            cut(before: range.upper + 1)
        }
        var columns = Array(repeating: UInt8(0), count: 256)
        var representatives: [UInt8] = []
        for byte in 0..<256 {
            if cuts[byte] { representatives.append(UInt8(byte)) }
            columns[byte] = UInt8(representatives.count - 1)
        }
        self.columns = columns
        self.representatives = representatives
    }
}
