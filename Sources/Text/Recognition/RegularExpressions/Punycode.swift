// SPDX-License-Identifier: Apache-2.0

/// Writes code points as ASCII letters, digits and hyphens: RFC 3492.
enum Punycode {
    private static let base: UInt32 = 36
    private static let lowest: UInt32 = 1
    private static let highest: UInt32 = 26

    /// The code points that a text stands for; nil where it is none, or too long for a label.
    static func decode(_ text: [UInt8]) -> [UInt32]? {
        guard text.count <= 63 else { return nil }
        let hyphen = text.lastIndex(of: UInt8(ascii: "-"))
        var output = text[..<(hyphen ?? 0)].map { UInt32($0) }
        guard output.allSatisfy({ $0 < 0x80 }) else { return nil }
        var rest = text[(hyphen.map { $0 + 1 } ?? 0)...]
        var scalar: UInt32 = 0x80
        var bias: UInt32 = 72
        var index: UInt32 = 0
        while !rest.isEmpty {
            let before = index
            var weight: UInt32 = 1
            var position = base
            while true {
                guard let letter = rest.popFirst(), let digit = digit(letter) else { return nil }
                let (step, tooLarge) = digit.multipliedReportingOverflow(by: weight)
                let (sum, overflow) = index.addingReportingOverflow(step)
                if tooLarge || overflow { return nil }
                index = sum
                let threshold = threshold(position, bias)
                if digit < threshold { break }
                let (next, isLarge) = weight.multipliedReportingOverflow(by: base - threshold)
                if isLarge { return nil }
                weight = next
                position += base
            }
            let count = UInt32(output.count + 1)
            bias = adapt(index - before, count, isFirst: before == 0)
            let (next, overflow) = scalar.addingReportingOverflow(index / count)
            if overflow || Unicode.Scalar(next) == nil { return nil }
            scalar = next
            index %= count
            output.insert(scalar, at: Int(index))
            index += 1
        }
        return output
    }

    /// The text of some code points; nil where it would be too long for a label.
    static func encode(_ scalars: [UInt32]) -> [UInt8]? {
        guard scalars.count <= 63 else { return nil }
        var output = scalars.filter { $0 < 0x80 }.map { UInt8($0) }
        var handled = UInt32(output.count)
        if handled > 0 { output.append(UInt8(ascii: "-")) }
        var current: UInt32 = 0x80
        var bias: UInt32 = 72
        var delta: UInt32 = 0
        var isFirst = true
        while handled < scalars.count {
            guard let next = scalars.filter({ $0 >= current }).min() else { return nil }
            // At most 63 * 0x110000, which is far from an overflow.
            delta += (next - current) * (handled + 1)
            current = next
            for scalar in scalars {
                if scalar < current { delta += 1 }
                if scalar != current { continue }
                var rest = delta
                var position = base
                while true {
                    let threshold = threshold(position, bias)
                    if rest < threshold { break }
                    output.append(letter(threshold + (rest - threshold) % (base - threshold)))
                    rest = (rest - threshold) / (base - threshold)
                    position += base
                }
                output.append(letter(rest))
                bias = adapt(delta, handled + 1, isFirst: isFirst)
                isFirst = false
                delta = 0
                handled += 1
            }
            delta += 1
            current += 1
        }
        return output
    }

    private static func threshold(_ position: UInt32, _ bias: UInt32) -> UInt32 {
        position <= bias ? lowest : min(highest, max(lowest, position - bias))
    }

    private static func adapt(_ delta: UInt32, _ count: UInt32, isFirst: Bool) -> UInt32 {
        var delta = isFirst ? delta / 700 : delta / 2
        delta += delta / count
        var position: UInt32 = 0
        while delta > (base - lowest) * highest / 2 {
            delta /= base - lowest
            position += base
        }
        return position + (base - lowest + 1) * delta / (delta + 38)
    }

    private static func digit(_ letter: UInt8) -> UInt32? {
        switch letter {
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(letter - UInt8(ascii: "a"))
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(letter - UInt8(ascii: "A"))
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(letter - UInt8(ascii: "0")) + 26
        default: nil
        }
    }

    private static func letter(_ digit: UInt32) -> UInt8 {
        digit < 26
            ? UInt8(ascii: "a") + UInt8(digit) : UInt8(ascii: "0") + UInt8(min(digit - 26, 9))
    }
}
