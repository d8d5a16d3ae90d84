// SPDX-License-Identifier: Apache-2.0

/// A format of numbers and strings: width, precision, sign and type, as `%` and `format` share it.
struct NumberFormat {
    enum Alignment: Unicode.Scalar {
        case left = "<"
        case right = ">"
        case center = "^"
        case afterSign = "="
    }

    var filler: Unicode.Scalar = " "
    var alignment: Alignment?
    var sign: Unicode.Scalar?
    var isAlternate = false
    var width = 0
    var grouping: Unicode.Scalar?
    var precision: Int?
    var type: Unicode.Scalar?

    /// Text of an integer in the base of `type`, with sign and padding.
    func text(of value: Int) -> String? {
        let radix: Int
        var prefix = ""
        switch type {
        case nil, "d", "i", "u", "n": radix = 10
        case "x", "X": (radix, prefix) = (16, "0x")
        case "o": (radix, prefix) = (8, "0o")
        case "b": (radix, prefix) = (2, "0b")
        default: return nil
        }
        var digits = String(value.magnitude, radix: radix)
        if let precision, digits.count < precision {
            digits = String(repeating: "0", count: precision - digits.count) + digits
        }
        if let grouping { digits = grouped(digits, by: grouping, every: radix == 10 ? 3 : 4) }
        if isAlternate { digits = prefix + digits }
        if type == "X" { digits = digits.uppercased() }
        return padded(digits, isNegative: value < 0)
    }

    /// Text of a float by `type`, with sign and padding.
    func text(of value: Double) -> String? {
        let magnitude = value.magnitude
        var digits: String
        switch type {
        case "f", "F": digits = FloatText.fixed(magnitude, fractionDigits: precision ?? 6)
        case "e", "E":
            digits = FloatText.scientific(magnitude, fractionDigits: precision ?? 6, marker: "e")
        case "g", "G", "n":
            digits = FloatText.general(magnitude, digits: precision ?? 6, marker: "e")
        case "%":
            digits = FloatText.fixed(magnitude * 100, fractionDigits: precision ?? 6) + "%"
        case nil:
            if let precision {
                digits = FloatText.general(magnitude, digits: precision, marker: "e")
                if !digits.contains(where: { ".einfa".contains($0) }) { digits += ".0" }
            } else {
                digits = FloatText.shortest(magnitude)
            }
        default: return nil
        }
        if let grouping {
            let whole = digits.prefix { $0.isNumber }
            digits = grouped(String(whole), by: grouping, every: 3) + digits.dropFirst(whole.count)
        }
        if type == "E" || type == "G" || type == "F" { digits = digits.uppercased() }
        return padded(digits, isNegative: value.sign == .minus && !value.isNaN)
    }

    private func grouped(_ digits: String, by mark: Unicode.Scalar, every size: Int) -> String {
        var result = ""
        for (i, digit) in digits.enumerated() {
            if i > 0, (digits.count - i) % size == 0 { result.unicodeScalars.append(mark) }
            result.append(digit)
        }
        return result
    }

    private func padded(_ digits: String, isNegative: Bool) -> String {
        let sign = isNegative ? "-" : sign == "-" ? "" : sign.map { String($0) } ?? ""
        let missing = max(0, width - digits.count - sign.count)
        let fill = String(repeating: String(filler), count: missing)
        switch alignment ?? .right {
        case .left: return sign + digits + fill
        case .right: return fill + sign + digits
        case .afterSign: return sign + fill + digits
        case .center:
            return String(fill.prefix(missing / 2)) + sign + digits
                + String(fill.dropFirst(missing / 2))
        }
    }

    /// A string cut to the precision and padded to the width.
    func apply(to string: TemplateString) -> TemplateString {
        let kept = min(precision ?? .max, string.count)
        let missing = max(0, width - kept)
        let left: Int
        switch alignment ?? .left {
        case .left, .afterSign: left = 0
        case .right: left = missing
        case .center: left = missing / 2
        }
        var result = TemplateString(
            [Unicode.Scalar](repeating: filler, count: left), origin: .template)
        result.append(string, 0..<kept)
        result.append(
            TemplateString(
                [Unicode.Scalar](repeating: filler, count: missing - left), origin: .template))
        return result
    }
}
