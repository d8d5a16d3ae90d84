// SPDX-License-Identifier: Apache-2.0

package import JSON

/// A JSON Schema whose references are resolved and whose keywords are those of draft 2020-12,
/// whatever draft it was written in.
///
/// Absent keywords are nil or empty. Schemas refer to each other in cycles where they are
/// recursive; the ``SchemaDocument`` keeps them alive, so references are unowned or by index.
package final class Schema {
    /// The kinds of JSON value that `type` tells apart.
    package struct Types: OptionSet, Hashable, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        package static let null = Types(rawValue: 1)
        package static let boolean = Types(rawValue: 2)
        /// Numbers without a fractional part, however they are written (1.0 is one).
        package static let integer = Types(rawValue: 4)
        /// All numbers, integers among them; `type: number` sets this bit and ``integer``.
        package static let number = Types(rawValue: 8)
        package static let string = Types(rawValue: 16)
        package static let array = Types(rawValue: 32)
        package static let object = Types(rawValue: 64)
        package static let any = Types(rawValue: 127)
    }

    /// Where the schema stands in its document, as a JSON pointer.
    package let pointer: String

    /// `true` and `false` schemas.
    package var verdict: Bool?

    package var types: Types = .any
    package var constant: JSONValue?
    package var enumeration: [JSONValue]?

    // MARK: Numbers; exact, as they were written

    package var minimum: ExactNumber?
    package var maximum: ExactNumber?
    package var exclusiveMinimum: ExactNumber?
    package var exclusiveMaximum: ExactNumber?
    package var multipleOf: ExactNumber?

    // MARK: Strings; lengths in code points

    package var minLength: Int?
    package var maxLength: Int?
    /// Found anywhere in the string, unless anchored.
    package var pattern: RegularExpression?
    package var format: StringFormat?

    // MARK: Arrays

    package var prefixItems: [Schema] = []
    /// The items after ``prefixItems``.
    package var items: Schema?
    package var contains: Schema?
    package var minContains: Int?
    package var maxContains: Int?
    package var minItems: Int?
    package var maxItems: Int?
    package var uniqueItems = false
    package var unevaluatedItems: Schema?

    // MARK: Objects

    package var properties: [(name: String, schema: Schema)] = []
    package var patternProperties: [(pattern: RegularExpression, schema: Schema)] = []
    package var additionalProperties: Schema?
    package var propertyNames: Schema?
    package var minProperties: Int?
    package var maxProperties: Int?
    package var required: [String] = []
    package var dependentRequired: [(name: String, required: [String])] = []
    package var dependentSchemas: [(name: String, schema: Schema)] = []
    package var unevaluatedProperties: Schema?

    // MARK: In place

    package var allOf: [Schema] = []
    package var anyOf: [Schema]?
    package var oneOf: [Schema]?
    package var not: Schema?
    package var condition: (if: Schema, then: Schema?, else: Schema?)?
    /// The schema that `$ref` names, which holds beside the others (before 2019-09: alone).
    package var reference: Schema?
    /// What `$dynamicRef` or `$recursiveRef` names in the outermost scope that has it.
    package var dynamicReference: String?

    package init(pointer: String) {
        self.pointer = pointer
    }
}
