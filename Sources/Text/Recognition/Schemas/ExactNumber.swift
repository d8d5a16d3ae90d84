// SPDX-License-Identifier: Apache-2.0

/// A decimal number of any size, compared exactly: 1, 1.0 and 10e-1 are equal.
///
/// The value is `digits × 10^exponent`, without zeros at either end of the digits, so that equal
/// numbers have equal fields. Exponents beyond ±2^60 count as ±2^60: no number is written out, so
/// `1e1000000000` costs as little as 1.
package struct ExactNumber: Hashable, Sendable {
    /// Whether it is less than zero.
    package let isNegative: Bool

    /// The power of ten that the digits are multiplied by; 0 for zero.
    package let exponent: Int

    /// The digits as one number where there are at most 19, else 0.
    private let small: UInt64

    /// The digits, 0 to 9 each, where there are more than 19, else empty.
    private let large: [UInt8]

    private static let maxExponent = 1 << 60
    private static let smallDigitCount = 19

    /// Zero.
    package static let zero = ExactNumber(0)

    /// A whole number.
    package init(_ value: Int) {
        var magnitude = UInt64(value.magnitude)
        var exponent = 0
        while magnitude != 0, magnitude.isMultiple(of: 10) {
            magnitude /= 10
            exponent += 1
        }
        self.init(isNegative: value < 0, small: magnitude, large: [], exponent: exponent)
    }

    /// The decimal number that a double is written as; nil for infinities and NaN.
    package init?(_ value: Double) {
        guard value.isFinite else { return nil }
        self.init(value.description)
    }

    /// Parses the text of a JSON number.
    package init?(_ text: some StringProtocol) {
        let utf8 = String(text).utf8
        let bytes = utf8.span
        self.init(bytes, 0..<bytes.count)
    }

    /// Parses the text of a JSON number that stands at a range of bytes.
    ///
    /// - Complexity: O(n), whatever the exponent.
    package init?(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) {
        var position = range.lowerBound
        let end = range.upperBound
        func isDigit(_ position: Int) -> Bool {
            position < end && bytes[position] &- 0x30 < 10
        }
        let isNegative = position < end && bytes[position] == UInt8(ascii: "-")
        if isNegative { position += 1 }
        let whole = position
        while isDigit(position) { position += 1 }
        let wholeEnd = position
        guard wholeEnd > whole else { return nil }
        var fractionEnd = position
        if position < end, bytes[position] == UInt8(ascii: ".") {
            position += 1
            guard isDigit(position) else { return nil }
            while isDigit(position) { position += 1 }
            fractionEnd = position
        }
        var exponent = 0
        if position < end, bytes[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            let sign = position < end ? bytes[position] : 0
            if sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { position += 1 }
            guard isDigit(position) else { return nil }
            while isDigit(position) {
                exponent =
                    exponent < Self.maxExponent / 16
                    ? exponent * 10 + Int(bytes[position] - 0x30) : Self.maxExponent
                position += 1
            }
            if sign == UInt8(ascii: "-") { exponent = -exponent }
        }
        guard position == end else { return nil }

        // The digits run from the first that is not zero to the last that is not.
        let point = wholeEnd
        var first = whole
        while first < fractionEnd, first == point || bytes[first] == 0x30 { first += 1 }
        var last = fractionEnd
        while last > first, last - 1 == point || bytes[last - 1] == 0x30 { last -= 1 }
        guard first < last else {
            self = .zero
            return
        }
        // What the exponent gains by reading all the digits as a whole number.
        exponent += last > point ? -(last - point - 1) : point - last
        let count = last - first - (first < point && last > point ? 1 : 0)
        if count <= Self.smallDigitCount {
            var small: UInt64 = 0
            for index in first..<last where index != point {
                small = small * 10 + UInt64(bytes[index] - 0x30)
            }
            self.init(isNegative: isNegative, small: small, large: [], exponent: exponent)
        } else {
            var large: [UInt8] = []
            large.reserveCapacity(count)
            for index in first..<last where index != point { large.append(bytes[index] - 0x30) }
            self.init(isNegative: isNegative, small: 0, large: large, exponent: exponent)
        }
    }

    private init(isNegative: Bool, small: UInt64, large: [UInt8], exponent: Int) {
        self.isNegative = isNegative
        self.small = small
        self.large = large
        self.exponent =
            small == 0 && large.isEmpty
            ? 0 : min(max(exponent, -Self.maxExponent), Self.maxExponent)
    }

    /// Whether it is zero.
    package var isZero: Bool { small == 0 && large.isEmpty }

    /// Whether it has no fractional part.
    package var isInteger: Bool { exponent >= 0 }

    /// The digits that ``exponent`` multiplies, 0 to 9 each, the greatest place first; empty for
    /// zero.
    package var digits: [UInt8] {
        guard large.isEmpty else { return large }
        var digits: [UInt8] = []
        var rest = small
        while rest > 0 {
            digits.append(UInt8(rest % 10))
            rest /= 10
        }
        digits.reverse()
        return digits
    }

    /// The number as an `Int`; nil where it is none.
    package var intValue: Int? {
        guard large.isEmpty, (0..<Self.smallDigitCount).contains(exponent) else { return nil }
        var magnitude = small
        for _ in 0..<exponent {
            let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            guard !overflow else { return nil }
            magnitude = product
        }
        guard isNegative else { return Int(exactly: magnitude) }
        return magnitude == UInt64(Int.max) + 1 ? Int.min : Int(exactly: magnitude).map { -$0 }
    }

    /// Whether it is a whole multiple of another number; of zero only zero is.
    ///
    /// - Complexity: O(digits × digits of `unit`), whatever the exponents.
    package func isMultiple(of unit: ExactNumber) -> Bool {
        guard !isZero else { return true }
        guard !unit.isZero else { return false }
        // Without a zero at their end, the digits have no factor 10 to give away.
        guard exponent >= unit.exponent else { return false }
        let shift = exponent - unit.exponent
        if unit.large.isEmpty {
            var remainder: UInt64 = 0
            if large.isEmpty {
                remainder = small % unit.small
            } else {
                for digit in large {
                    remainder = Self.remainder(remainder, times: 10, plus: digit, by: unit.small)
                }
            }
            // 10^64 holds more twos and fives than any 64-bit unit, so a higher power changes
            // nothing.
            for _ in 0..<min(shift, 64) where remainder != 0 {
                remainder = Self.remainder(remainder, times: 10, plus: 0, by: unit.small)
            }
            return remainder == 0
        }
        return isMultiple(of: unit.large, shift: shift)
    }

    private static func remainder(
        _ value: UInt64, times factor: UInt64, plus digit: UInt8, by unit: UInt64
    ) -> UInt64 {
        UInt64((UInt128(value) * UInt128(factor) + UInt128(digit)) % UInt128(unit))
    }

    /// Long division by many digits: the remainder is kept as digits, the least place first.
    private func isMultiple(of unit: [UInt8], shift: Int) -> Bool {
        let divisor = Array(unit.reversed())
        var remainder: [UInt8] = []
        func isAtLeastDivisor() -> Bool {
            guard remainder.count == divisor.count else { return remainder.count > divisor.count }
            for place in divisor.indices.reversed() where remainder[place] != divisor[place] {
                return remainder[place] > divisor[place]
            }
            return true
        }
        func bringDown(_ digit: UInt8) {
            remainder.insert(digit, at: 0)
            while remainder.last == 0 { remainder.removeLast() }
            while isAtLeastDivisor() {
                var borrow: UInt8 = 0
                for place in remainder.indices {
                    let taken = (place < divisor.count ? divisor[place] : 0) + borrow
                    borrow = remainder[place] < taken ? 1 : 0
                    remainder[place] = remainder[place] + 10 * borrow - taken
                }
                while remainder.last == 0 { remainder.removeLast() }
            }
        }
        for digit in digits { bringDown(digit) }
        // A number of n digits has less than 4n factors 2 or 5.
        for _ in 0..<min(shift, 4 * unit.count) where !remainder.isEmpty { bringDown(0) }
        return remainder.isEmpty
    }
}

extension ExactNumber: Comparable {
    package static func < (left: ExactNumber, right: ExactNumber) -> Bool {
        if left.isNegative != right.isNegative { return left.isNegative }
        return left.isNegative
            ? right.isSmallerInMagnitude(than: left) : left.isSmallerInMagnitude(than: right)
    }

    private func isSmallerInMagnitude(than other: ExactNumber) -> Bool {
        if isZero || other.isZero { return isZero && !other.isZero }
        let (places, otherPlaces) = (digitCount + exponent, other.digitCount + other.exponent)
        if places != otherPlaces { return places < otherPlaces }
        if large.isEmpty, other.large.isEmpty {
            // With equally many places, at most 18 zeros make the digits equally many, too.
            var (magnitude, otherMagnitude) = (UInt128(small), UInt128(other.small))
            for _ in 0..<max(0, exponent - other.exponent) { magnitude *= 10 }
            for _ in 0..<max(0, other.exponent - exponent) { otherMagnitude *= 10 }
            return magnitude < otherMagnitude
        }
        return digits.lexicographicallyPrecedes(other.digits)
    }

    private var digitCount: Int {
        guard large.isEmpty else { return large.count }
        var count = 0
        var rest = small
        while rest > 0 {
            count += 1
            rest /= 10
        }
        return count
    }
}

extension ExactNumber: CustomStringConvertible {
    /// The number in decimal: whole numbers and fractions of moderate length in full, others with
    /// an exponent.
    package var description: String {
        var text = String(decoding: digits.map { $0 + 0x30 }, as: UTF8.self)
        switch exponent {
        case _ where isZero: text = "0"
        case 0...20: text += String(repeating: "0", count: exponent)
        case -20..<0:
            let places = -exponent
            text = String(repeating: "0", count: max(0, places + 1 - text.utf8.count)) + text
            text.insert(".", at: text.index(text.endIndex, offsetBy: -places))
        default: text += "e\(exponent)"
        }
        return isNegative ? "-" + text : text
    }
}
