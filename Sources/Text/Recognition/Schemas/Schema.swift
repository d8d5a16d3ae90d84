// SPDX-License-Identifier: Apache-2.0

package import JSON

/// A JSON Schema whose references are resolved and whose keywords are those of draft 2020-12,
/// whatever draft it was written in.
///
/// Absent keywords are nil or empty. Schemas refer to each other in cycles where they are
/// recursive; the ``SchemaDocument`` keeps them alive and takes them apart when it goes, so keep
/// the document for as long as a schema of it is used. A place that is both within its parent and
/// named by a reference is two schemas with one pointer.
// Safety: written while the document is read and when it goes, never while it is shared.
package final class Schema: @unchecked Sendable {
    /// The kinds of JSON value that `type` tells apart.
    package struct Types: OptionSet, Hashable, Sendable {
        package let rawValue: UInt8

        package init(rawValue: UInt8) { self.rawValue = rawValue }

        package static let null = Types(rawValue: 1)
        package static let boolean = Types(rawValue: 2)
        /// Numbers without a fractional part, however they are written (1.0 is one).
        package static let integer = Types(rawValue: 4)
        /// Numbers with a fractional part; `type: number` sets this bit and ``integer``.
        package static let fraction = Types(rawValue: 8)
        /// All numbers.
        package static let number: Types = [.integer, .fraction]
        package static let string = Types(rawValue: 16)
        package static let array = Types(rawValue: 32)
        package static let object = Types(rawValue: 64)
        package static let any = Types(rawValue: 127)
    }

    /// A regular expression of the document; equal patterns are one.
    package final class Pattern: Sendable {
        /// The expression as it was written.
        package let source: String
        /// Stands for the strings in which the pattern is found.
        package let expression: RegularExpression
        /// The place in ``SchemaDocument/patterns``.
        package let index: Int

        init(source: String, expression: RegularExpression, index: Int) {
            self.source = source
            self.expression = expression
            self.index = index
        }
    }

    /// What `$dynamicRef` names, where that depends on how the schema was reached.
    package struct DynamicReference: Sendable {
        /// The schema of that anchor for each resource that has one; among the resources that were
        /// entered on the way to here, the first decides.
        package internal(set) var candidates: [(resource: Int, schema: Schema)]
        /// The schema where none of them was entered.
        package internal(set) var fallback: Schema
    }

    /// The place in ``SchemaDocument/schemas``.
    package let index: Int
    /// Which of the document's resources (a schema with its own `$id`) it belongs to.
    package internal(set) var resource: Int
    /// Whether it asks for nothing but what a reference names.
    package internal(set) var isAlias = false
    /// How many references name it.
    package internal(set) var referenceCount = 0

    /// `true` and `false` schemas, and objects that ask for nothing.
    package internal(set) var verdict: Bool?

    package internal(set) var types: Types = .any
    /// Whether 1.0 and 1e0 are no integers, as in draft 4.
    package internal(set) var integersArePlain = false
    package internal(set) var constant: JSONValue?
    package internal(set) var enumeration: [JSONValue]?

    // MARK: Numbers; exact, as they were written

    package internal(set) var minimum: ExactNumber?
    package internal(set) var maximum: ExactNumber?
    package internal(set) var exclusiveMinimum: ExactNumber?
    package internal(set) var exclusiveMaximum: ExactNumber?
    package internal(set) var multipleOf: ExactNumber?

    // MARK: Strings; lengths in code points

    package internal(set) var minLength: Int?
    package internal(set) var maxLength: Int?
    /// Found anywhere in the string, unless anchored.
    package internal(set) var pattern: Pattern?
    package internal(set) var format: StringFormat?

    // MARK: Arrays

    package internal(set) var prefixItems: [Schema] = []
    /// The items after ``prefixItems``.
    package internal(set) var items: Schema?
    package internal(set) var contains: Schema?
    package internal(set) var minContains: Int?
    package internal(set) var maxContains: Int?
    /// Whether the items that satisfy ``contains`` are evaluated ones (not so in 2019-09).
    package internal(set) var containsEvaluates = true
    package internal(set) var minItems: Int?
    package internal(set) var maxItems: Int?
    package internal(set) var uniqueItems = false
    package internal(set) var unevaluatedItems: Schema?

    // MARK: Objects

    package internal(set) var properties: [(name: String, schema: Schema)] = []
    package internal(set) var patternProperties: [(pattern: Pattern, schema: Schema)] = []
    /// The members that neither ``properties`` nor ``patternProperties`` of this schema name.
    package internal(set) var additionalProperties: Schema?
    package internal(set) var propertyNames: Schema?
    package internal(set) var minProperties: Int?
    package internal(set) var maxProperties: Int?
    package internal(set) var required: [String] = []
    package internal(set) var dependentRequired: [(name: String, required: [String])] = []
    package internal(set) var dependentSchemas: [(name: String, schema: Schema)] = []
    package internal(set) var unevaluatedProperties: Schema?

    // MARK: In place

    package internal(set) var allOf: [Schema] = []
    package internal(set) var anyOf: [Schema]?
    package internal(set) var oneOf: [Schema]?
    package internal(set) var not: Schema?
    package internal(set) var condition: (if: Schema, then: Schema?, else: Schema?)?
    /// The schema that `$ref` names, which holds beside the others (before 2019-09: alone).
    package internal(set) var reference: Schema?
    /// What `$dynamicRef` or `$recursiveRef` names, if that is not always the same schema.
    package internal(set) var dynamicReference: DynamicReference?

    /// The schema within which this one stands; nil for the root and for what a reference names.
    private unowned let parent: Schema?
    /// The pointer below the parent: a keyword, and the name or index within its value.
    private let keyword: String
    private let member: String?
    /// How many schemas it stands within.
    let depth: Int

    /// The root of a document, or what a reference names.
    init(pointer: String, resource: Int, index: Int) {
        self.index = index
        self.resource = resource
        parent = nil
        keyword = pointer
        member = nil
        depth = 0
    }

    /// A schema that stands within another.
    init(within parent: Schema, _ keyword: String, _ member: String?, index: Int) {
        self.parent = parent
        self.keyword = keyword
        self.member = member
        self.index = index
        resource = parent.resource
        depth = parent.depth + 1
    }

    /// Where the schema stands in its document, as a JSON pointer.
    package var pointer: String {
        var schema = self
        var steps: [String] = []
        while let parent = schema.parent {
            if let member = schema.member { steps.append(Self.escaped(member)) }
            steps.append(Self.escaped(schema.keyword))
            schema = parent
        }
        return steps.reversed().reduce(schema.keyword) { $0 + "/" + $1 }
    }

    /// A name as a step of a JSON pointer (RFC 6901 §3).
    static func escaped(_ step: String) -> String {
        guard step.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") })
        else { return step }
        var escaped = ""
        for scalar in step.unicodeScalars {
            switch scalar {
            case "~": escaped += "~0"
            case "/": escaped += "~1"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// Whether there are schemas ``inPlace``.
    var hasInPlace: Bool {
        reference != nil || !allOf.isEmpty || anyOf != nil || oneOf != nil || not != nil
            || condition != nil || !dependentSchemas.isEmpty
    }

    /// The schemas that a value of this one must satisfy or is compared with, in place.
    var inPlace: [Schema] {
        var schemas = allOf
        if let anyOf { schemas += anyOf }
        if let oneOf { schemas += oneOf }
        if let not { schemas.append(not) }
        if let condition {
            schemas.append(condition.if)
            if let then = condition.then { schemas.append(then) }
            if let otherwise = condition.else { schemas.append(otherwise) }
        }
        schemas += dependentSchemas.lazy.map(\.schema)
        if let reference { schemas.append(reference) }
        return schemas
    }

    /// Whether any keyword but those for all types looks at numbers.
    var limitsNumbers: Bool {
        minimum != nil || maximum != nil || exclusiveMinimum != nil || exclusiveMaximum != nil
            || multipleOf != nil
    }

    /// Whether any keyword looks at the members of objects.
    var limitsMembers: Bool {
        !properties.isEmpty || !patternProperties.isEmpty || additionalProperties != nil
            || propertyNames != nil || !required.isEmpty || !dependentRequired.isEmpty
            || !dependentSchemas.isEmpty
    }

    /// Whether there is no schema within it.
    var isLeaf: Bool {
        properties.isEmpty && patternProperties.isEmpty && additionalProperties == nil
            && propertyNames == nil && dependentSchemas.isEmpty && prefixItems.isEmpty
            && items == nil && contains == nil && unevaluatedItems == nil
            && unevaluatedProperties == nil && allOf.isEmpty && anyOf == nil && oneOf == nil
            && not == nil && condition == nil && reference == nil && dynamicReference == nil
    }

    /// Forgets other schemas, so that cycles of them can go.
    func disconnect() {
        prefixItems = []
        items = nil
        contains = nil
        unevaluatedItems = nil
        properties = []
        patternProperties = []
        additionalProperties = nil
        propertyNames = nil
        dependentSchemas = []
        unevaluatedProperties = nil
        allOf = []
        anyOf = nil
        oneOf = nil
        not = nil
        condition = nil
        reference = nil
        dynamicReference = nil
    }
}
