// SPDX-License-Identifier: Apache-2.0

package import JSON

/// The values that a field of a request may have, or a member of an answer has.
///
/// Limits are functions of ``FieldRules``, since some differ from vendor to vendor or are the
/// operator's.
package indirect enum FieldKind: Sendable {
    /// A text, of at most so many bytes.
    case string(maxBytes: Int? = nil)

    /// One text of a list.
    case choice([String])

    /// A whole number.
    case integer(@Sendable (FieldRules) -> ClosedRange<Int>)

    /// A number.
    case number(@Sendable (FieldRules) -> NumberRange)

    /// True or false.
    case boolean

    /// An object with members that are known; others are ignored.
    case object(FieldList)

    /// An object whose names the client chooses.
    case map(of: FieldKind)

    /// A list.
    case array(of: FieldKind, minCount: Int = 0, maxCount: @Sendable (FieldRules) -> Int?)

    /// Any of several kinds.
    case either([FieldKind])

    /// These values alone.
    case values([JSONValue])

    /// Null.
    case null

    /// Any JSON value.
    case any

    /// A JSON Schema.
    case schema

    /// A whole number of a fixed range.
    package static func integer(in range: ClosedRange<Int> = Int.min...Int.max) -> FieldKind {
        .integer { _ in range }
    }

    /// A number of a fixed range.
    package static func number(
        in range: ClosedRange<Double>, excludesLowerBound: Bool = false
    ) -> FieldKind {
        .number { _ in NumberRange(range, excludesLowerBound: excludesLowerBound) }
    }

    /// Any number.
    package static var number: FieldKind {
        .number(in: -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude)
    }

    /// A list of any length.
    package static func array(of element: FieldKind) -> FieldKind {
        .array(of: element, maxCount: { _ in nil })
    }

    /// An object with these members.
    package static func object(
        @FieldListBuilder _ members: () -> [FieldDeclaration]
    ) -> FieldKind {
        .object(FieldList(members))
    }

    /// The kind, or null.
    package var orNull: FieldKind { .either([self, .null]) }
}

extension FieldKind {
    /// The JSON Schema of the values.
    ///
    /// - Parameters:
    ///   - rules: whose limits hold.
    ///   - isAnswer: whether it is the server that writes them: its null is said, and a client's
    ///     null stands for a member that it left out.
    /// - Returns: a schema of JSON Schema 2020-12, as OpenAPI 3.1 has them.
    package func schema(_ rules: FieldRules, isAnswer: Bool = false) -> JSONObject {
        switch self {
        case .string(nil): ["type": "string"]
        // Bytes are never fewer than characters.
        case .string(let maxBytes?): ["type": "string", "maxLength": .integer(maxBytes)]
        case .choice(let texts): ["type": "string", "enum": .array(texts.map { .string($0) })]
        case .integer(let range):
            [
                "type": "integer", "minimum": .integer(range(rules).lowerBound),
                "maximum": .integer(range(rules).upperBound),
            ]
        case .number(let range): Self.schema(of: range(rules))
        case .boolean: ["type": "boolean"]
        case .object(let members): members.schema(rules, isAnswer: isAnswer)
        case .map(let value):
            [
                "type": "object",
                "additionalProperties": .object(value.schema(rules, isAnswer: isAnswer)),
            ]
        case .array(let element, let minCount, let maxCount):
            Self.schema(
                ofElements: element.schema(rules, isAnswer: isAnswer), minCount: minCount,
                maxCount: maxCount(rules))
        case .either(let kinds):
            ["anyOf": .array(kinds.map { .object($0.schema(rules, isAnswer: isAnswer)) })]
        case .values(let values): ["enum": .array(values)]
        case .null: ["type": "null"]
        case .any: [:]
        case .schema: ["type": ["object", "boolean"]]
        }
    }

    private static func schema(of range: NumberRange) -> JSONObject {
        var schema: JSONObject = ["type": "number"]
        let numbers = range.numbers
        if numbers.lowerBound > -.greatestFiniteMagnitude {
            schema[range.excludesLowerBound ? "exclusiveMinimum" : "minimum"] =
                number(numbers.lowerBound)
        }
        if numbers.upperBound < .greatestFiniteMagnitude {
            schema["maximum"] = number(numbers.upperBound)
        }
        return schema
    }

    private static func number(_ number: Double) -> JSONValue {
        Int(exactly: number).map { .integer($0) } ?? .number(number)
    }

    private static func schema(
        ofElements element: JSONObject, minCount: Int, maxCount: Int?
    ) -> JSONObject {
        var schema: JSONObject = ["type": "array", "items": .object(element)]
        if minCount > 0 { schema["minItems"] = .integer(minCount) }
        if let maxCount { schema["maxItems"] = .integer(maxCount) }
        return schema
    }
}

extension FieldKind {
    /// A value of the kind that any reader takes, where nothing better is declared.
    package func sample(_ rules: FieldRules) -> JSONValue {
        switch self {
        case .string: "a"
        case .choice(let texts): texts.first.map { .string($0) } ?? .null
        case .integer(let range):
            .integer(max(range(rules).lowerBound, min(1, range(rules).upperBound)))
        case .number(let range):
            .number(max(range(rules).numbers.lowerBound, min(1, range(rules).numbers.upperBound)))
        case .boolean: true
        case .object(let members): .object(members.sample(rules))
        case .map: [:]
        case .array(let element, _, _): [element.sample(rules)]
        case .either(let kinds): kinds.first?.sample(rules) ?? .null
        case .values(let values): values.first ?? .null
        case .null: .null
        case .any: "a"
        case .schema: ["type": "object"]
        }
    }
}
