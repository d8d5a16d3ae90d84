// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The filters of numbers.
struct NumberFilters {
    let runtime: Runtime

    func apply(
        _ name: String, to value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        if case .undefined(let message) = value { throw runtime.failure(message) }
        switch name {
        case "abs":
            _ = try arguments.bound(name, [], runtime)
            if let integer = value.integerValue {
                guard integer != Int.min else { return try runtime.arithmetic.checked((0, true)) }
                return .integer(abs(integer))
            }
            guard let float = value.floatValue else {
                throw runtime.failure("bad operand type for abs(): '\(value.typeName)'")
            }
            return .float(float.magnitude)
        case "int":
            let values = try arguments.bound(name, ["default", "base"], runtime)
            let base = try runtime.integer(values[1], default: 10)
            return try integer(value, base: base) ?? values[0] ?? .integer(0)
        case "float":
            let values = try arguments.bound(name, ["default"], runtime)
            if let float = value.floatValue { return .float(float) }
            if case .string(let string) = value, let float = try parseFloat(string) {
                return .float(float)
            }
            return values[0] ?? .float(0)
        default: return try round(value, arguments)
        }
    }

    private func integer(
        _ value: Value, base: Int
    ) throws(TemplateError) -> Value? {
        if let integer = value.integerValue { return .integer(integer) }
        var float = value.floatValue
        if case .string(let string) = value {
            if let integer = try parseInteger(string, base: base) { return .integer(integer) }
            float = try parseFloat(string)
        }
        guard let float, float.isFinite else { return nil }
        guard let integer = Int(exactly: float.rounded(.towardZero)) else {
            return try runtime.arithmetic.checked((0, true))
        }
        return .integer(integer)
    }

    private func parseInteger(
        _ string: TemplateString, base: Int
    ) throws(TemplateError) -> Int? {
        try runtime.work(string.count)
        var digits = string.stripped(nil, left: true, right: true).text.lowercased()[...]
        var sign = ""
        if let first = digits.first, first == "-" || first == "+" {
            sign = String(first)
            digits = digits.dropFirst()
        }
        var radix = base
        for (prefix, value) in [("0x", 16), ("0o", 8), ("0b", 2)]
        where digits.hasPrefix(prefix) && (base == value || base == 0) {
            digits = digits.dropFirst(2)
            radix = value
        }
        if radix == 0 { radix = 10 }
        guard (2...36).contains(radix), digits.first != "_", digits.last != "_",
            !digits.contains("__")
        else { return nil }
        let plain = digits.filter { $0 != "_" }
        guard let first = plain.first, first != "-", first != "+" else { return nil }
        if let value = Int(sign + plain, radix: radix) { return value }
        guard plain.allSatisfy({ $0.isHexDigit }), Double(plain) != nil, plain.count > 18 else {
            return nil
        }
        throw runtime.failure("integer out of range: integers have 64 bits here")
    }

    private func parseFloat(_ string: TemplateString) throws(TemplateError) -> Double? {
        try runtime.work(string.count)
        let text = string.stripped(nil, left: true, right: true).text.lowercased()
        let unsigned = text.drop { $0 == "-" || $0 == "+" }
        if ["inf", "infinity", "nan"].contains(unsigned), text.count - unsigned.count <= 1 {
            let value: Double = unsigned == "nan" ? .nan : .infinity
            return text.hasPrefix("-") ? -value : value
        }
        guard !text.contains("x"), !text.contains("n"), !text.contains("p"),
            !text.hasPrefix("_"), !text.hasSuffix("_")
        else { return nil }
        var plain = text.filter { $0 != "_" }
        if plain.hasSuffix(".") { plain += "0" }
        if plain.hasPrefix(".") { plain = "0" + plain }
        return Double(plain.replacing(".e", with: ".0e"))
    }

    private func round(
        _ value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let values = try arguments.bound("round", ["precision", "method"], runtime)
        let places = try runtime.integer(values[0], default: 0)
        let method = try runtime.optionalString(values[1])?.text ?? "common"
        guard ["common", "ceil", "floor"].contains(method) else {
            throw runtime.failure("method must be common, ceil or floor")
        }
        if let integer = value.integerValue, method == "common" {
            guard places < 0 else { return .integer(integer) }
            return try rounded(integer, zeros: places.magnitude)
        }
        guard let float = value.floatValue else {
            throw runtime.failure("type \(value.typeName) doesn't define __round__ method")
        }
        if method == "common" { return .float(rounded(float, places: places)) }
        var scale = 1.0
        for _ in 0..<min(places.magnitude, 330) { scale *= 10 }
        if places < 0 { scale = 1 / scale }
        // Python divides an integer here, which has no negative zero.
        let whole = (float * scale).rounded(method == "ceil" ? .up : .down) + 0
        return .float(whole / scale)
    }

    /// A number rounded by its exact decimal value, ties to even.
    private func rounded(_ value: Double, places: Int) -> Double {
        guard value.isFinite else { return value }
        guard places < 0 else {
            // From 2^52 on there is no fraction, and beyond 323 places no double has a digit.
            if value.magnitude >= 0x1p52 || places > 323 { return value }
            return Double(String(format: "%.\(places)f", value)) ?? value
        }
        var scale = 1.0
        for _ in 0..<min(places.magnitude, 330) { scale *= 10 }
        if scale > value.magnitude * 10 { return value.sign == .minus ? -0.0 : 0 }
        return (value / scale).rounded(.toNearestOrEven) * scale
    }

    /// An integer with that many zeros at its end, ties to even.
    private func rounded(
        _ value: Int, zeros: UInt
    ) throws(TemplateError) -> Value {
        guard zeros < 19 else { return .integer(0) }
        var scale = 1
        for _ in 0..<zeros { scale *= 10 }
        var quotient = value / scale
        let remainder = (value % scale).magnitude
        let half = UInt(scale) / 2
        if remainder > half || (remainder == half && !quotient.isMultiple(of: 2)) {
            quotient += value < 0 ? -1 : 1
        }
        return try runtime.arithmetic.checked(quotient.multipliedReportingOverflow(by: scale))
    }
}
