// SPDX-License-Identifier: Apache-2.0

/// Python's arithmetic of values, on integers of 64 bits.
struct Arithmetic {
    let runtime: Runtime

    func apply(
        _ operation: ArithmeticOperator, _ left: Value, _ right: Value
    ) throws(TemplateError) -> Value {
        if operation == .modulo, case .string = left {
            throw runtime.unsupported("% formatting of strings")
        }
        if case .undefined(let message) = left { throw runtime.failure(message) }
        if case .undefined(let message) = right { throw runtime.failure(message) }
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
        throw runtime.failure(
            "unsupported operand type(s) for \(operation.rawValue): '\(left.typeName)' and "
                + "'\(right.typeName)'")
    }

    /// Checks the outcome of an operation on integers.
    func checked(
        _ result: (partialValue: Int, overflow: Bool)
    ) throws(TemplateError) -> Value {
        guard !result.overflow else {
            throw runtime.failure("integer out of range: integers have 64 bits here")
        }
        return .integer(result.partialValue)
    }

    /// Concatenation of two strings, lists or tuples.
    private func sum(
        _ left: Value, _ right: Value
    ) throws(TemplateError) -> Value? {
        switch (left, right) {
        case (.string(let a), .string(let b)):
            let isMarkup = a.isMarkup || b.isMarkup
            var result = isMarkup ? try runtime.text.escaped(left) : a
            let tail = isMarkup ? try runtime.text.escaped(right) : b
            try runtime.checkLength(result.count + tail.count)
            result.append(tail)
            return .string(result)
        case (.list(let a), .list(let b)): return try runtime.list(a.items + b.items)
        case (.tuple(let a), .tuple(let b)): return try runtime.tuple(a.items + b.items)
        default: return nil
        }
    }

    private func repeated(
        _ value: Value, _ count: Int
    ) throws(TemplateError) -> Value? {
        let count = max(0, count)
        switch value {
        case .string(let string):
            let (length, overflows) = string.count.multipliedReportingOverflow(by: count)
            try runtime.checkLength(overflows ? .max : length)
            var result = TemplateString()
            result.isMarkup = string.isMarkup
            if !string.isEmpty {
                for _ in 0..<count { result.append(string) }
            }
            return .string(result)
        case .list(let sequence), .tuple(let sequence):
            let (length, overflows) = sequence.items.count.multipliedReportingOverflow(by: count)
            try runtime.checkItems(overflows ? .max : length)
            var items: [Value] = []
            if !sequence.items.isEmpty {
                for _ in 0..<count { items += sequence.items }
            }
            if case .list = value { return try runtime.list(items) }
            return try runtime.tuple(items)
        default: return nil
        }
    }

    private func integers(
        _ operation: ArithmeticOperator, _ left: Int, _ right: Int
    ) throws(TemplateError) -> Value {
        switch operation {
        case .add: return try checked(left.addingReportingOverflow(right))
        case .subtract: return try checked(left.subtractingReportingOverflow(right))
        case .multiply: return try checked(left.multipliedReportingOverflow(by: right))
        case .divide:
            guard right != 0 else { throw runtime.failure("division by zero") }
            return .float(Double(left) / Double(right))
        case .floorDivide, .modulo:
            guard right != 0 else { throw runtime.failure("integer division or modulo by zero") }
            let (quotient, overflow) = left.dividedReportingOverflow(by: right)
            if overflow { return try checked((0, operation == .floorDivide)) }
            let remainder = left % right
            let isBelow = remainder != 0 && (remainder < 0) != (right < 0)
            if operation == .modulo { return .integer(isBelow ? remainder + right : remainder) }
            return .integer(isBelow ? quotient - 1 : quotient)
        }
    }

    private func floats(
        _ operation: ArithmeticOperator, _ left: Double, _ right: Double
    ) throws(TemplateError) -> Value {
        switch operation {
        case .add: return .float(left + right)
        case .subtract: return .float(left - right)
        case .multiply: return .float(left * right)
        case .divide:
            guard right != 0 else { throw runtime.failure("float division by zero") }
            return .float(left / right)
        case .floorDivide, .modulo:
            guard right != 0 else {
                throw runtime.failure("float floor division or modulo by zero")
            }
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
}
