// SPDX-License-Identifier: Apache-2.0

/// Ranges of bytes that one after the other spell the characters of a range.
struct UTF8Ranges {
    /// One to four ranges of bytes, the first byte's first.
    let bytes: [ClosedRange<UInt8>]

    /// The sequences that spell exactly the scalars of these ranges; surrogates are left out.
    static func sequences(of ranges: [ClosedRange<UInt32>]) -> [UTF8Ranges] {
        var result: [UTF8Ranges] = []
        for range in merged(ranges) {
            for block in blocks {
                let low = max(range.lowerBound, block.lowerBound)
                let high = min(range.upperBound, block.upperBound)
                if low <= high { split(low, high, into: &result) }
            }
        }
        return result
    }

    /// Scalars whose spelling has the same length, without the surrogates.
    private static let blocks: [ClosedRange<UInt32>] = [
        0...0x7F, 0x80...0x7FF, 0x800...0xD7FF, 0xE000...0xFFFF, 0x10000...0x10FFFF,
    ]

    /// Ranges in order that neither overlap nor touch.
    static func merged(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        var result: [ClosedRange<UInt32>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = result.last,
                range.lowerBound <= last.upperBound
                    || range.lowerBound - last.upperBound == 1
            {
                let high = max(last.upperBound, range.upperBound)
                result[result.count - 1] = last.lowerBound...high
            } else {
                result.append(range)
            }
        }
        return result
    }

    /// The scalars that are in none of the ranges.
    static func complement(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        var result: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in merged(ranges) {
            if range.lowerBound > next { result.append(next...(range.lowerBound - 1)) }
            if range.upperBound >= 0x10FFFF { return result }
            next = range.upperBound + 1
        }
        if next <= 0x10FFFF { result.append(next...0x10FFFF) }
        return result
    }

    /// Splits scalars of one length where their continuation bytes are not whole ranges.
    private static func split(_ low: UInt32, _ high: UInt32, into result: inout [UTF8Ranges]) {
        let length = low < 0x80 ? 1 : low < 0x800 ? 2 : low < 0x10000 ? 3 : 4
        for count in stride(from: length - 1, to: 0, by: -1) {
            let mask = UInt32(1) << UInt32(6 * count) - 1
            guard low & ~mask != high & ~mask else { continue }
            if low & mask != 0 {
                split(low, low | mask, into: &result)
                split((low | mask) + 1, high, into: &result)
                return
            }
            if high & mask != mask {
                split(low, (high & ~mask) - 1, into: &result)
                split(high & ~mask, high, into: &result)
                return
            }
        }
        let first = spelled(low, length)
        let last = spelled(high, length)
        result.append(UTF8Ranges(bytes: zip(first, last).map { $0...max($0, $1) }))
    }

    private static func spelled(_ scalar: UInt32, _ length: Int) -> [UInt8] {
        guard length > 1 else { return [UInt8(truncatingIfNeeded: scalar)] }
        let lead: UInt32 = length == 2 ? 0xC0 : length == 3 ? 0xE0 : 0xF0
        var bytes = [UInt8(truncatingIfNeeded: lead | scalar >> UInt32(6 * (length - 1)))]
        for count in stride(from: length - 2, through: 0, by: -1) {
            bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar >> UInt32(6 * count) & 0x3F))
        }
        return bytes
    }
}
