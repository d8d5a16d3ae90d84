// SPDX-License-Identifier: Apache-2.0

/// A range of numbers, of whole ones, or of multiples, or a list of them.
///
/// Tells whether the decimal digits read so far can still become one of them.
struct NumberBounds {
    struct Bound {
        var value: ExactNumber
        var isIncluded: Bool
    }

    private(set) var low: Bound?
    private(set) var high: Bound?
    private(set) var isInteger = false
    private(set) var unit: ExactNumber?
    private(set) var list: Int32?

    private static let maxAlternatives = 16

    /// Ranges that together hold all the numbers that a formula allows, and perhaps more.
    static func alternatives(of formula: Int32, in terms: ScalarTerms) -> [NumberBounds] {
        var known: [Int32: [NumberBounds]] = [:]
        for part in terms.formulas.parts(of: formula) {
            let alternatives: [NumberBounds] =
                switch terms.formulas.nodes[Int(part)] {
                case .constant(let value): value ? [NumberBounds()] : []
                case .atom(let atom): [NumberBounds(atom)]
                case .not(let operand): opposite(terms.formulas.nodes[Int(operand)])
                case .any(let operands), .one(let operands):
                    operands.flatMap { known[$0] ?? [NumberBounds()] }
                case .all(let operands):
                    operands.reduce([NumberBounds()]) { result, operand in
                        let others = known[operand] ?? [NumberBounds()]
                        guard result.count * others.count <= maxAlternatives else { return result }
                        return result.flatMap { bounds in others.map { bounds.intersected($0) } }
                    }
                }
            known[part] = alternatives.count <= maxAlternatives ? alternatives : [NumberBounds()]
        }
        return known[formula] ?? [NumberBounds()]
    }

    private init() {}

    private init(_ atom: ScalarAtom) {
        switch atom {
        case .integer: isInteger = true
        case .atLeast(let value, let orEqual): low = Bound(value: value, isIncluded: orEqual)
        case .atMost(let value, let orEqual): high = Bound(value: value, isIncluded: orEqual)
        case .multiple(let value): unit = value
        case .numbers(let index): list = index
        default: break
        }
    }

    private static func opposite(_ node: FormulaTable.Node) -> [NumberBounds] {
        switch node {
        case .atom(.atLeast(let value, let orEqual)):
            [NumberBounds(.atMost(value, orEqual: !orEqual))]
        case .atom(.atMost(let value, let orEqual)):
            [NumberBounds(.atLeast(value, orEqual: !orEqual))]
        default: [NumberBounds()]
        }
    }

    private func intersected(_ other: NumberBounds) -> NumberBounds {
        var result = self
        if let bound = other.low {
            if let mine = low,
                mine.value > bound.value || mine.value == bound.value && !mine.isIncluded
            {
            } else {
                result.low = bound
            }
        }
        if let bound = other.high {
            if let mine = high,
                mine.value < bound.value || mine.value == bound.value && !mine.isIncluded
            {
            } else {
                result.high = bound
            }
        }
        result.isInteger = isInteger || other.isInteger
        if let unit = other.unit {
            // Of two units the rule of one is enough here: what is whole is looked at again.
            result.unit = self.unit ?? unit
        }
        result.list = list ?? other.list
        return result
    }

    /// Whether a sign, digits, a point and digits, as far as they go, can become one of the numbers
    /// by more of the same; the numbers of a list are written in one way only.
    func canBecome(_ text: [UInt8], lists: [NumberList]) -> Bool {
        if let list { return lists[Int(list)].texts.contains { $0.starts(with: text) } }
        let isNegative = text.first == UInt8(ascii: "-")
        var range = isNegative ? reflected : self
        if isNegative {
            // Zero has no sign.
            let zero = Bound(value: .zero, isIncluded: false)
            if range.low.map({ $0.value < .zero || $0.value == .zero }) ?? true { range.low = zero }
        }
        let digits = isNegative ? text[1...] : text[...]
        let point = digits.firstIndex(of: UInt8(ascii: "."))
        let fractionCount = point.map { digits.endIndex - $0 - 1 } ?? 0
        if point != nil, isInteger { return false }
        guard !digits.isEmpty else { return range.holds(from: 0, to: nil, fraction: 0) }
        guard digits.count <= 30 else { return true }
        var value: Int128 = 0
        for digit in digits where digit != UInt8(ascii: ".") {
            value = value * 10 + Int128(digit - 0x30)
        }
        if point != nil || value == 0 {
            return range.holds(from: value, to: value + 1, fraction: fractionCount)
        }
        var width: Int128 = 1
        for _ in 0..<36 {
            if range.holds(from: value, to: value + width, fraction: 0) { return true }
            guard let high = range.high else {
                // Without an upper bound some more digits will do, unless the lower is far off.
                if range.unit == nil { return true }
                (value, width) = (value * 10, width * 10)
                if value > Int128.max / 20 { return true }
                continue
            }
            guard let most = Self.scaled(high.value, by: 0, up: true), value <= most else {
                return Self.scaled(high.value, by: 0, up: true) == nil
            }
            if value > Int128.max / 20 { return true }
            (value, width) = (value * 10, width * 10)
        }
        return true
    }

    private var reflected: NumberBounds {
        var result = self
        result.low = high.map { Bound(value: $0.value.negated, isIncluded: $0.isIncluded) }
        result.high = low.map { Bound(value: $0.value.negated, isIncluded: $0.isIncluded) }
        return result
    }

    /// Whether there is a number between two decimals, the upper one excluded; true where that would
    /// take too large numbers to tell.
    private func holds(from start: Int128, to end: Int128?, fraction: Int) -> Bool {
        // All is counted in units of 10^-scale.
        var scale = fraction
        for number in [low?.value, high?.value, unit] {
            if let number { scale = max(scale, -number.exponent) }
        }
        guard scale <= 30, let factor = Self.power(scale - fraction) else { return true }
        let (from, overflow) = start.multipliedReportingOverflow(by: factor)
        guard !overflow else { return true }
        var (least, isLeastIncluded) = (from, true)
        if let low {
            guard let bound = Self.scaled(low.value, by: scale, up: false) else {
                return !low.value.isNegative ? end == nil : true
            }
            if bound > least || bound == least && !low.isIncluded {
                (least, isLeastIncluded) = (bound, low.isIncluded)
            }
        }
        var (most, isMostIncluded) = (Int128.max, false)
        if let end {
            let (to, overflow) = end.multipliedReportingOverflow(by: factor)
            guard !overflow else { return true }
            most = to
        }
        if let high {
            if let bound = Self.scaled(high.value, by: scale, up: false) {
                if bound < most { (most, isMostIncluded) = (bound, high.isIncluded) }
            } else if high.value.isNegative {
                return false
            }
        }
        guard isInteger || unit != nil else {
            return least < most || least == most && isLeastIncluded && isMostIncluded
        }
        guard let step = step(scale) else { return true }
        if !isLeastIncluded { least += 1 }
        guard least >= 0 else { return true }
        let (steps, remainder) = least.quotientAndRemainder(dividingBy: step)
        let (first, tooLarge) =
            (remainder == 0 ? steps : steps + 1).multipliedReportingOverflow(by: step)
        guard !tooLarge else { return true }
        return isMostIncluded ? first <= most : first < most
    }

    /// The distance between two numbers that are multiples, and whole where they must be.
    private func step(_ scale: Int) -> Int128? {
        guard let one = Self.power(scale) else { return nil }
        guard let unit else { return one }
        guard let step = Self.scaled(unit, by: scale, up: false), step > 0 else { return nil }
        guard isInteger else { return step }
        var (left, right) = (step, one)
        while right != 0 { (left, right) = (right, left % right) }
        let (product, overflow) = (step / left).multipliedReportingOverflow(by: one)
        return overflow ? nil : product
    }

    private static func power(_ exponent: Int) -> Int128? {
        guard (0...36).contains(exponent) else { return nil }
        var result: Int128 = 1
        for _ in 0..<exponent { result *= 10 }
        return result
    }

    /// A number times a power of ten, rounded up where it is not whole and that is asked for.
    private static func scaled(_ number: ExactNumber, by scale: Int, up: Bool) -> Int128? {
        let digits = number.digits
        guard digits.count <= 36 else { return nil }
        var value: Int128 = 0
        for digit in digits { value = value * 10 + Int128(digit) }
        let exponent = number.exponent + scale
        if exponent < 0 {
            guard up, let divisor = power(min(36, -exponent)) else { return nil }
            value = value / divisor + 1
        } else {
            guard value == 0 || exponent <= 36, let factor = power(min(36, exponent)) else {
                return nil
            }
            let (product, overflow) = value.multipliedReportingOverflow(by: factor)
            guard !overflow else { return nil }
            value = product
        }
        return number.isNegative ? -value : value
    }
}

extension ExactNumber {
    /// The number of the other sign.
    fileprivate var negated: ExactNumber {
        guard !isZero else { return self }
        let text = "\(self)"
        return ExactNumber(isNegative ? String(text.dropFirst()) : "-" + text) ?? self
    }
}
