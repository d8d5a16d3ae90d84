// SPDX-License-Identifier: Apache-2.0

extension JSONParser {
    /// No honest number is longer; it bounds the cost of decimal conversion.
    private static let maxNumberBytes = 4_096

    /// Powers of ten that a double holds exactly.
    private static let exactPowers: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
        1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ]

    /// Parses `[-] int [frac] [exp]` at ``offset``.
    mutating func parseNumber() throws(JSONError) -> JSONValue {
        let start = offset
        let isNegative = skip(UInt8(ascii: "-"))
        var significand = 0
        var isExact = true

        let integerStart = offset
        try parseDigits(start, into: &significand, &isExact)
        if bytes[integerStart] == UInt8(ascii: "0"), offset - integerStart > 1 {
            throw .invalidNumber(offset: start, reason: "it has a leading zero")
        }
        var fractionDigitCount = 0
        if skip(UInt8(ascii: ".")) {
            let fractionStart = offset
            try parseDigits(start, into: &significand, &isExact)
            fractionDigitCount = offset - fractionStart
        }
        var exponent = 0
        let hasExponent = skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E"))
        if hasExponent {
            let isNegativeExponent = skip(UInt8(ascii: "-"))
            if !isNegativeExponent { _ = skip(UInt8(ascii: "+")) }
            try parseDigits(start, into: &exponent, &isExact)
            if isNegativeExponent { exponent = -exponent }
        }
        guard offset - start <= Self.maxNumberBytes else {
            throw .limitExceeded(
                offset: start, limit: "bytes in a number", maximum: Self.maxNumberBytes)
        }

        let isInteger = fractionDigitCount == 0 && !hasExponent
        if isInteger, isExact, !(isNegative && significand == 0) {
            return .integer(isNegative ? -significand : significand)
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        if isInteger, let integer = Int(text), integer != 0 { return .integer(integer) }  // Int.min
        // Exact operands and one rounding give the correctly rounded result (Clinger 1990).
        let (power, overflow) = exponent.subtractingReportingOverflow(fractionDigitCount)
        // Its magnitude would be no `Int` for the least of them.
        let isExactPower = (1 - Self.exactPowers.count..<Self.exactPowers.count).contains(power)
        if isExact, !overflow, significand <= 1 << 53, isExactPower {
            let magnitude = Double(significand)
            let value =
                power < 0
                ? magnitude / Self.exactPowers[-power] : magnitude * Self.exactPowers[power]
            return .number(isNegative ? -value : value)
        }
        guard let value = Double(text), value.isFinite else {
            throw .invalidNumber(offset: start, reason: "it is beyond the range of a double")
        }
        return .number(value)
    }

    /// Appends one or more decimal digits to `value`; clears `isExact` where they overflow.
    private mutating func parseDigits(
        _ start: Int, into value: inout Int, _ isExact: inout Bool
    ) throws(JSONError) {
        let first = offset
        while offset < bytes.count {
            let digit = bytes[offset] &- UInt8(ascii: "0")
            guard digit <= 9 else { break }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(digit))
            if overflow || carry { isExact = false } else if isExact { value = sum }
            offset += 1
        }
        guard offset > first else {
            if first == start { throw unexpected("a digit") }
            throw .invalidNumber(offset: start, reason: "a digit is missing at byte \(first)")
        }
    }
}
