// SPDX-License-Identifier: Apache-2.0

package import JSON

/// Reads the members of one object of a request, checking type and range.
///
/// A member that is null counts as absent. No type is converted into another, except that a whole
/// number may be written `3.0`.
package struct FieldReader: Sendable {
    /// The object.
    package let object: JSONObject

    /// Where the object stands in the body.
    package let path: FieldPath

    /// Whose limits hold for fields that are read by their declarations.
    package let rules: FieldRules

    /// Reads an object.
    package init(
        _ object: JSONObject, at path: FieldPath = FieldPath(), by rules: FieldRules = FieldRules()
    ) {
        self.object = object
        self.path = path
        self.rules = rules
    }

    /// Reads a value that must be an object.
    package init(
        _ value: JSONValue, at path: FieldPath, by rules: FieldRules = FieldRules()
    ) throws(FieldError) {
        guard case .object(let object) = value else {
            throw .wrongType(path, expected: "an object", found: value.kindName)
        }
        self.init(object, at: path, by: rules)
    }

    /// The member's value, or nil if it is absent or null.
    package func value(_ key: String) -> JSONValue? {
        FieldLedger.current?.note(key, in: path)
        guard let value = object[key], !value.isNull else { return nil }
        return value
    }

    /// What an optional reading found.
    ///
    /// - Throws: `FieldError.missing` if it found nothing.
    package func require<Value>(_ key: String, _ value: Value?) throws(FieldError) -> Value {
        guard let value else { throw .missing(path.appending(key)) }
        return value
    }

    /// A string, at most that long.
    package func string(
        _ key: String, maxCharacters: Int = .max
    ) throws(FieldError) -> String? {
        guard let value = value(key) else { return nil }
        return try Self.string(value, at: path.appending(key), maxBytes: maxCharacters)
    }

    /// A string out of a list.
    package func string(_ key: String, oneOf values: [String]) throws(FieldError) -> String? {
        guard let text = try string(key) else { return nil }
        guard values.contains(text) else {
            throw .invalid(path.appending(key), expected: "one of \(Self.list(values))")
        }
        return text
    }

    /// A boolean.
    package func bool(_ key: String) throws(FieldError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard case .bool(let flag) = value else { throw wrongType(key, "a boolean", value) }
        return flag
    }

    /// A whole number within a range.
    package func integer(
        _ key: String, in range: ClosedRange<Int> = Int.min...Int.max
    ) throws(FieldError) -> Int? {
        guard let value = value(key) else { return nil }
        return try Self.integer(value, at: path.appending(key), in: range)
    }

    /// A number within a range.
    package func number(
        _ key: String, in range: ClosedRange<Double>, excludingLowerBound: Bool = false
    ) throws(FieldError) -> Double? {
        guard let value = value(key) else { return nil }
        return try Self.number(
            value, at: path.appending(key), in: range, excludingLowerBound: excludingLowerBound)
    }

    /// An object.
    package func object(_ key: String) throws(FieldError) -> FieldReader? {
        guard let value = value(key) else { return nil }
        return try FieldReader(value, at: path.appending(key), by: rules)
    }

    /// The elements of an array of at most that many.
    package func array(
        _ key: String, maxCount: Int
    ) throws(FieldError) -> [FieldElement]? {
        guard let value = value(key) else { return nil }
        guard case .array(let values) = value else { throw wrongType(key, "an array", value) }
        return try Self.elements(of: values, at: path.appending(key), maxCount: maxCount)
    }

    /// Refuses a field that asks for something; null, `false`, 0 and empty values ask for nothing.
    package func refuse(_ key: String, reason: String) throws(FieldError) {
        guard let value = value(key), !value.asksForNothing else { return }
        throw .unsupported(path.appending(key), reason: reason)
    }

    private func wrongType(_ key: String, _ expected: String, _ value: JSONValue) -> FieldError {
        .wrongType(path.appending(key), expected: expected, found: value.kindName)
    }
}

/// An element of a list, and where it stands in the body.
package typealias FieldElement = (value: JSONValue, path: FieldPath)

extension FieldReader {
    /// A value that must be a text of at most that many bytes.
    package static func string(
        _ value: JSONValue, at path: FieldPath, maxBytes: Int? = nil
    ) throws(FieldError) -> String {
        guard case .string(let text) = value else {
            throw .wrongType(path, expected: "a string", found: value.kindName)
        }
        if let maxBytes, text.utf8.count > maxBytes {
            throw .invalid(path, expected: "at most \(maxBytes) bytes")
        }
        return text
    }

    /// A value that must be a whole number within a range.
    package static func integer(
        _ value: JSONValue, at path: FieldPath, in range: ClosedRange<Int>
    ) throws(FieldError) -> Int {
        let expected =
            switch (range.lowerBound, range.upperBound) {
            case (.min, .max): "a whole number of 64 bits"
            case (let least, .max): "a whole number of at least \(least)"
            case (let least, let most): "a whole number from \(least) to \(most)"
            }
        guard value.doubleValue != nil else {
            throw .wrongType(path, expected: expected, found: value.kindName)
        }
        guard let number = value.intValue, range.contains(number) else {
            throw .invalid(path, expected: expected)
        }
        return number
    }

    /// A value that must be a number within a range.
    package static func number(
        _ value: JSONValue, at path: FieldPath, in range: ClosedRange<Double>,
        excludingLowerBound: Bool = false
    ) throws(FieldError) -> Double {
        let expected =
            excludingLowerBound
            ? "a number above \(text(range.lowerBound)) and at most \(text(range.upperBound))"
            : "a number from \(text(range.lowerBound)) to \(text(range.upperBound))"
        guard let number = value.doubleValue else {
            throw .wrongType(path, expected: expected, found: value.kindName)
        }
        guard range.contains(number), !excludingLowerBound || number > range.lowerBound else {
            throw .invalid(path, expected: expected)
        }
        return number
    }

    /// The elements of an array of at most that many, each with its path.
    package static func elements(
        of values: [JSONValue], at path: FieldPath, maxCount: Int
    ) throws(FieldError) -> [FieldElement] {
        guard values.count <= maxCount else {
            throw .invalid(path, expected: "at most \(maxCount) elements")
        }
        return values.enumerated().map { ($0.element, path.appending($0.offset)) }
    }

    static func list(_ values: [String]) -> String {
        values.map { "'\($0)'" }.joined(separator: ", ")
    }

    private static func text(_ number: Double) -> String {
        Int(exactly: number).map(String.init) ?? String(number)
    }
}

extension JSONValue {
    /// Whether a field of this value asks for nothing: null, `false`, 0, or whatever is empty.
    var asksForNothing: Bool {
        switch self {
        case .null: true
        case .bool(let flag): !flag
        case .integer(let number): number == 0
        case .number(let number): number == 0
        case .decimal: false
        case .string(let text): text.isEmpty
        case .array(let values): values.isEmpty
        case .object(let object): object.isEmpty
        }
    }
}
