// SPDX-License-Identifier: Apache-2.0

/// Floating-point numbers as Python writes them.
enum FloatText {
    /// `repr`: the shortest digits that read back as the same number.
    static func shortest(_ value: Double) -> String {
        if let special = special(value) { return special }
        let (digits, exponent) = shortestDigits(value.magnitude)
        let sign = value.sign == .minus ? "-" : ""
        // Python switches to an exponent below 1e-4 and from 1e16.
        if exponent < -4 || exponent >= 16 {
            return sign + scientific(digits, exponent: exponent, marker: "e")
        }
        return sign + plain(digits, exponent: exponent, keepsPoint: true)
    }

    /// `%.Nf`: exactly rounded, ties to even.
    static func fixed(_ value: Double, fractionDigits: Int) -> String {
        if let special = special(value) { return special }
        var digits = BigDecimal(value.magnitude).rounded(toPlaces: fractionDigits)
        if digits.count <= fractionDigits {
            digits = Array(repeating: 0, count: fractionDigits + 1 - digits.count) + digits
        }
        var text = value.sign == .minus ? "-" : ""
        for (i, digit) in digits.enumerated() {
            if i == digits.count - fractionDigits { text += "." }
            text += String(digit)
        }
        return text
    }

    /// `%.Ne`.
    static func scientific(_ value: Double, fractionDigits: Int, marker: String) -> String {
        if let special = special(value) { return special }
        let sign = value.sign == .minus ? "-" : ""
        let (digits, exponent) = BigDecimal(value.magnitude).significant(fractionDigits + 1)
        return sign + scientific(digits, exponent: exponent, marker: marker)
    }

    /// `%.Ng`: significant digits without trailing zeros.
    static func general(_ value: Double, digits count: Int, marker: String) -> String {
        if let special = special(value) { return special }
        let sign = value.sign == .minus ? "-" : ""
        let precision = max(1, count)
        var (digits, exponent) = BigDecimal(value.magnitude).significant(precision)
        while digits.count > 1, digits.last == 0 { digits.removeLast() }
        if exponent < -4 || exponent >= precision {
            return sign + scientific(digits, exponent: exponent, marker: marker)
        }
        return sign + plain(digits, exponent: exponent, keepsPoint: false)
    }

    /// Rounds to a number of decimal places as Python's `round` does.
    static func round(_ value: Double, places: Int) -> Double {
        guard value.isFinite else { return value }
        if places >= 0 {
            return Double(fixed(value, fractionDigits: min(places, 330))) ?? value
        }
        var scale = 1.0
        for _ in 0..<min(places.magnitude, 330) { scale *= 10 }
        if scale > value.magnitude * 10 { return value.sign == .minus ? -0.0 : 0 }
        return (value / scale).rounded(.toNearestOrEven) * scale
    }

    private static func special(_ value: Double) -> String? {
        if value.isNaN { return "nan" }
        if value.isInfinite { return value < 0 ? "-inf" : "inf" }
        return nil
    }

    /// Decimal digits and the exponent of the first, from Swift's own shortest description.
    private static func shortestDigits(_ value: Double) -> ([Int], Int) {
        var digits: [Int] = []
        var pointAt: Int?
        var exponent = 0
        let text = value.description
        if let mark = text.firstIndex(of: "e") {
            exponent = Int(text[text.index(after: mark)...]) ?? 0
        }
        for character in text.prefix(while: { $0 != "e" }) {
            if let digit = character.wholeNumberValue {
                digits.append(digit)
            } else {
                pointAt = digits.count
            }
        }
        exponent += (pointAt ?? digits.count) - 1
        while digits.count > 1, digits.first == 0 {
            digits.removeFirst()
            exponent -= 1
        }
        while digits.count > 1, digits.last == 0 { digits.removeLast() }
        if digits == [0] { exponent = 0 }
        return (digits, exponent)
    }

    private static func scientific(_ digits: [Int], exponent: Int, marker: String) -> String {
        var text = String(digits.first ?? 0)
        if digits.count > 1 {
            text += "." + digits.dropFirst().map(String.init).joined()
        }
        let magnitude = String(exponent.magnitude)
        return text + marker + (exponent < 0 ? "-" : "+")
            + (magnitude.count < 2 ? "0" + magnitude : magnitude)
    }

    private static func plain(_ digits: [Int], exponent: Int, keepsPoint: Bool) -> String {
        var text = ""
        if exponent < 0 {
            text = "0." + String(repeating: "0", count: -exponent - 1)
            return text + digits.map(String.init).joined()
        }
        for i in 0...max(exponent, digits.count - 1) {
            if i == exponent + 1 { text += "." }
            text += i < digits.count ? String(digits[i]) : "0"
        }
        return keepsPoint && digits.count <= exponent + 1 ? text + ".0" : text
    }
}

/// The exact decimal expansion of a finite double.
struct BigDecimal {
    /// Decimal digits, most significant first; the last `places` are after the point.
    private var digits: [Int]
    private var places: Int

    /// The exact value of a number that is not negative.
    init(_ value: Double) {
        var significand = UInt64(value.significandBitPattern)
        var exponent = Int(value.exponentBitPattern) - 1075
        if value.exponentBitPattern == 0 {
            exponent += 1
        } else {
            significand |= 1 << 52
        }
        var number = [Int]()
        while significand > 0 {
            number.append(Int(significand % 10))
            significand /= 10
        }
        // Little-endian decimal digits, doubled or multiplied by five (and shifted by one place).
        let factor = exponent < 0 ? 5 : 2
        for _ in 0..<exponent.magnitude {
            var carry = 0
            for i in number.indices {
                let product = number[i] * factor + carry
                number[i] = product % 10
                carry = product / 10
            }
            if carry > 0 { number.append(carry) }
        }
        digits = number.reversed()
        places = max(0, -exponent)
    }

    /// The digits of the number rounded to so many places after the point, ties to even.
    func rounded(toPlaces wanted: Int) -> [Int] {
        if wanted >= places {
            return trimmed(digits + Array(repeating: 0, count: wanted - places))
        }
        return trimmed(BigDecimal.rounded(digits, dropping: places - wanted))
    }

    /// So many significant digits and the exponent of the first.
    func significant(_ count: Int) -> ([Int], Int) {
        let all = trimmed(digits)
        if all == [0] { return (Array(repeating: 0, count: count), 0) }
        var exponent = all.count - 1 - places
        if all.count <= count {
            return (all + Array(repeating: 0, count: count - all.count), exponent)
        }
        var kept = BigDecimal.rounded(all, dropping: all.count - count)
        if kept.count > count {
            kept.removeLast()
            exponent += 1
        }
        return (kept, exponent)
    }

    private func trimmed(_ digits: [Int]) -> [Int] {
        let kept = digits.drop { $0 == 0 }
        return kept.isEmpty ? [0] : Array(kept)
    }

    private static func rounded(_ digits: [Int], dropping dropped: Int) -> [Int] {
        guard dropped <= digits.count else { return [0] }
        var kept = Array(digits.dropLast(dropped))
        let rest = digits.suffix(dropped)
        let first = rest.first ?? 0
        let isTie = first == 5 && rest.dropFirst().allSatisfy { $0 == 0 }
        let roundsUp = isTie ? (kept.last ?? 0) % 2 == 1 : first >= 5
        guard roundsUp else { return kept }
        var i = kept.count - 1
        while i >= 0 {
            if kept[i] < 9 {
                kept[i] += 1
                return kept
            }
            kept[i] = 0
            i -= 1
        }
        return [1] + kept
    }
}
