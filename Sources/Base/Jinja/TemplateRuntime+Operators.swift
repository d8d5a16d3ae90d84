// SPDX-License-Identifier: Apache-2.0

extension TemplateRuntime {
    func compare(
        _ operation: ComparisonOperator, _ left: TemplateValue, _ right: TemplateValue
    ) throws(TemplateError) -> Bool {
        switch operation {
        case .equal: return try equals(left, right)
        case .notEqual: return try !equals(left, right)
        case .less: return try isLess(left, right)
        case .greater: return try isLess(right, left)
        case .lessOrEqual: return try isLessOrEqual(left, right)
        case .greaterOrEqual: return try isLessOrEqual(right, left)
        case .in: return try contains(right, left)
        case .notIn: return try !contains(right, left)
        }
    }

    /// `<=`, which is not the opposite of `>` where a NaN is involved.
    private func isLessOrEqual(
        _ left: TemplateValue, _ right: TemplateValue
    ) throws(TemplateError) -> Bool {
        if let a = left.floatValue, let b = right.floatValue, a.isNaN || b.isNaN { return false }
        return try !isLess(right, left)
    }

    /// What an error says of `%` after a string.
    static let percentFormats = "% formatting of strings"

    /// Checks the outcome of an operation on integers.
    func integer(
        _ result: (partialValue: Int, overflow: Bool)
    ) throws(TemplateError) -> TemplateValue {
        guard !result.overflow else {
            throw failure("integer out of range: integers have 64 bits here")
        }
        return .integer(result.partialValue)
    }

    func arithmetic(
        _ operation: ArithmeticOperator, _ left: TemplateValue, _ right: TemplateValue
    ) throws(TemplateError) -> TemplateValue {
        if operation == .modulo, case .string = left { throw unsupported(Self.percentFormats) }
        if case .undefined(let message) = left { throw failure(message) }
        if case .undefined(let message) = right { throw failure(message) }
        if let left = left.integerValue, let right = right.integerValue {
            return try integers(operation, left, right)
        }
        if let left = left.floatValue, let right = right.floatValue {
            return try floats(operation, left, right)
        }
        switch operation {
        case .add:
            if let sum = try sum(left, right) { return sum }
        case .multiply:
            if let count = right.integerValue, let result = try repeated(left, count) {
                return result
            }
            if let count = left.integerValue, let result = try repeated(right, count) {
                return result
            }
        default: break
        }
        throw failure(
            "unsupported operand type(s) for \(operation.rawValue): '\(left.typeName)' and "
                + "'\(right.typeName)'")
    }

    /// Concatenation of two strings, lists or tuples.
    private func sum(
        _ left: TemplateValue, _ right: TemplateValue
    ) throws(TemplateError) -> TemplateValue? {
        switch (left, right) {
        case (.string(let a), .string(let b)):
            let isMarkup = a.isMarkup || b.isMarkup
            var result = isMarkup ? try escaped(left) : a
            let tail = isMarkup ? try escaped(right) : b
            try checkLength(result.count + tail.count)
            result.append(tail)
            return .string(result)
        case (.list(let a), .list(let b)): return try list(a.items + b.items)
        case (.tuple(let a), .tuple(let b)): return try tuple(a.items + b.items)
        default: return nil
        }
    }

    private func repeated(
        _ value: TemplateValue, _ count: Int
    ) throws(TemplateError) -> TemplateValue? {
        let count = max(0, count)
        switch value {
        case .string(let string):
            let (length, overflows) = string.count.multipliedReportingOverflow(by: count)
            try checkLength(overflows ? .max : length)
            var result = TemplateString()
            result.isMarkup = string.isMarkup
            if !string.isEmpty {
                for _ in 0..<count { result.append(string) }
            }
            return .string(result)
        case .list(let sequence), .tuple(let sequence):
            let (length, overflows) = sequence.items.count.multipliedReportingOverflow(by: count)
            try checkItems(overflows ? .max : length)
            var items: [TemplateValue] = []
            if !sequence.items.isEmpty {
                for _ in 0..<count { items += sequence.items }
            }
            if case .list = value { return try list(items) }
            return try tuple(items)
        default: return nil
        }
    }

    private func integers(
        _ operation: ArithmeticOperator, _ left: Int, _ right: Int
    ) throws(TemplateError) -> TemplateValue {
        switch operation {
        case .add: return try integer(left.addingReportingOverflow(right))
        case .subtract: return try integer(left.subtractingReportingOverflow(right))
        case .multiply: return try integer(left.multipliedReportingOverflow(by: right))
        case .divide:
            guard right != 0 else { throw failure("division by zero") }
            return .float(Double(left) / Double(right))
        case .floorDivide, .modulo:
            guard right != 0 else { throw failure("integer division or modulo by zero") }
            let (quotient, overflow) = left.dividedReportingOverflow(by: right)
            if overflow { return try integer((0, operation == .floorDivide)) }
            let remainder = left % right
            let isBelow = remainder != 0 && (remainder < 0) != (right < 0)
            if operation == .modulo { return .integer(isBelow ? remainder + right : remainder) }
            return .integer(isBelow ? quotient - 1 : quotient)
        }
    }

    private func floats(
        _ operation: ArithmeticOperator, _ left: Double, _ right: Double
    ) throws(TemplateError) -> TemplateValue {
        switch operation {
        case .add: return .float(left + right)
        case .subtract: return .float(left - right)
        case .multiply: return .float(left * right)
        case .divide:
            guard right != 0 else { throw failure("float division by zero") }
            return .float(left / right)
        case .floorDivide, .modulo:
            guard right != 0 else { throw failure("float floor division or modulo by zero") }
            var remainder = left.truncatingRemainder(dividingBy: right)
            if remainder == 0 {
                remainder = Double(signOf: right, magnitudeOf: 0)
            } else if (remainder < 0) != (right < 0) {
                remainder += right
            }
            if operation == .modulo { return .float(remainder) }
            let quotient = ((left - remainder) / right).rounded()
            return .float(
                quotient == 0 ? Double(signOf: left / right, magnitudeOf: 0) : quotient)
        }
    }

    func isSliceable(_ value: TemplateValue) -> Bool {
        switch value {
        case .string, .list, .tuple, .range: true
        default: false
        }
    }

    /// Python's slicing.
    func slice(
        _ value: TemplateValue, start: Int?, stop: Int?, step: Int?
    ) throws(TemplateError) -> TemplateValue {
        if case .undefined(let message) = value { throw failure(message) }
        guard isSliceable(value) else {
            throw failure("'\(value.typeName)' object is not subscriptable with slices")
        }
        let stride = step ?? 1
        guard stride != 0 else { throw failure("slice step cannot be zero") }
        let count = try length(of: value)
        let (low, high) = stride > 0 ? (0, count) : (-1, count - 1)
        func clamp(_ bound: Int?, _ fallback: Int) -> Int {
            guard let bound else { return fallback }
            return min(max(bound < 0 ? bound + count : bound, low), high)
        }
        let first = clamp(start, stride > 0 ? low : high)
        let last = clamp(stop, stride > 0 ? high : low)
        if stride == 1, case .string(let string) = value {
            try work(max(0, last - first))
            return .string(string.slice(first..<max(first, last)))
        }
        var indices: [Int] = []
        var index = first
        try work(count)
        while stride > 0 ? index < last : index > last {
            indices.append(index)
            let (next, overflow) = index.addingReportingOverflow(stride)
            if overflow { break }
            index = next
        }
        switch value {
        case .string(let string):
            return .string(string.picked(indices))
        case .list(let sequence): return try list(indices.map { sequence.items[$0] })
        case .tuple(let sequence): return try tuple(indices.map { sequence.items[$0] })
        case .range(let range):
            try checkItems(indices.count)
            return try list(indices.map { .integer(range[$0]) })
        default: return .null
        }
    }
}
