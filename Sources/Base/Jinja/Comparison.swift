// SPDX-License-Identifier: Apache-2.0

/// Python's comparisons of values: equality, order, membership, and what hangs on them.
struct Comparison {
    let runtime: Runtime

    func compare(
        _ operation: ComparisonOperator, _ left: Value, _ right: Value
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
        _ left: Value, _ right: Value
    ) throws(TemplateError) -> Bool {
        if let a = left.floatValue, let b = right.floatValue, a.isNaN || b.isNaN { return false }
        return try !isLess(right, left)
    }

    /// Python's `==`.
    func equals(_ left: Value, _ right: Value) throws(TemplateError) -> Bool {
        try runtime.step()
        switch (left, right) {
        case (.undefined, .undefined), (.null, .null): return true
        case (.string(let left), .string(let right)):
            if left.count != right.count { return false }
            try runtime.work(left.count)
            return left == right
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            guard left.items.count == right.items.count else { return false }
            for (a, b) in zip(left.items, right.items) {
                if try !equals(a, b) { return false }
            }
            return true
        case (.mapping(let left), .mapping(let right)):
            guard left.count == right.count else { return false }
            for (key, value) in zip(left.keys, left.values) {
                guard let other = right[try self.key(of: key)] else { return false }
                if try !equals(value, other) { return false }
            }
            return true
        case (.range(let left), .range(let right)):
            return left.count == right.count
                && (left.count == 0
                    || (left.start == right.start && (left.count == 1 || left.step == right.step)))
        case (.namespace(let left), .namespace(let right)): return left === right
        case (.iterator(let left), .iterator(let right)): return left === right
        case (.loop(let left), .loop(let right)): return left === right
        default:
            if let left = left.integerValue, let right = right.integerValue {
                return left == right
            }
            if let left = left.floatValue, let right = right.floatValue { return left == right }
            return false
        }
    }

    /// Python's `<`, which not every pair of types has.
    func isLess(_ left: Value, _ right: Value) throws(TemplateError) -> Bool {
        try runtime.step()
        switch (left, right) {
        case (.undefined(let message), _), (_, .undefined(let message)):
            throw runtime.failure(message)
        case (.string(let left), .string(let right)):
            try runtime.work(min(left.count, right.count))
            return left < right
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            for (a, b) in zip(left.items, right.items) {
                if try !equals(a, b) { return try isLess(a, b) }
            }
            return left.items.count < right.items.count
        default:
            if let left = left.integerValue, let right = right.integerValue {
                return left < right
            }
            if let left = left.floatValue, let right = right.floatValue { return left < right }
            throw runtime.failure(
                "'<' not supported between instances of '\(left.typeName)' and '\(right.typeName)'")
        }
    }

    /// Python's `in`.
    func contains(
        _ container: Value, _ item: Value
    ) throws(TemplateError) -> Bool {
        switch container {
        case .undefined: return false
        case .string(let string):
            guard case .string(let needle) = item else {
                throw runtime.failure(
                    "'in <string>' requires string as left operand, not \(item.typeName)")
            }
            try runtime.work(string.count + needle.count)
            return string.contains(needle)
        case .mapping(let mapping): return mapping[try key(of: item)] != nil
        case .view(let view) where view.kind == .keys:
            return view.mapping[try key(of: item)] != nil
        case .iterator(let iterator):
            while let next = iterator.next() {
                if try equals(next, item) { return true }
            }
            return false
        default:
            guard runtime.isIterable(container) else {
                throw runtime.failure("argument of type '\(container.typeName)' is not iterable")
            }
            for element in try runtime.iterate(container) where try equals(element, item) {
                return true
            }
            return false
        }
    }

    /// The value as a key of a mapping.
    func key(of value: Value) throws(TemplateError) -> MappingKey {
        try runtime.step()
        switch value {
        case .string(let string):
            try runtime.work(string.count)
            return .string(string.scalars)
        case .tuple(let sequence):
            var keys: [MappingKey] = []
            for item in sequence.items { keys.append(try key(of: item)) }
            return .tuple(keys)
        default:
            guard let key = MappingKey(simple: value) else {
                throw runtime.failure("unhashable type: '\(value.typeName)'")
            }
            return key
        }
    }

    /// Python's stable `sorted` by keys; equal ones keep their order in reverse, too.
    func sorted(
        _ items: [Value], by keys: [Value], isReversed: Bool
    ) throws(TemplateError) -> [Value] {
        // A merge sort of our own: the library's cannot throw our error, and must not see an
        // order that a template makes inconsistent.
        var order = Array(items.indices)
        var buffer = order
        var width = 1
        while width < order.count {
            var start = 0
            while start < order.count {
                let middle = min(start + width, order.count)
                let end = min(start + 2 * width, order.count)
                var left = start
                var right = middle
                for slot in start..<end {
                    let takesRight: Bool
                    if left >= middle {
                        takesRight = true
                    } else if right >= end {
                        takesRight = false
                    } else {
                        let a = keys[order[left]]
                        let b = keys[order[right]]
                        takesRight = isReversed ? try isLess(a, b) : try isLess(b, a)
                    }
                    buffer[slot] = order[takesRight ? right : left]
                    if takesRight { right += 1 } else { left += 1 }
                }
                start = end
            }
            swap(&order, &buffer)
            width *= 2
        }
        return order.map { items[$0] }
    }
}
