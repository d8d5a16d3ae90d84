// SPDX-License-Identifier: Apache-2.0

import JSON

/// Turns a schema document into ``Schema`` objects.
///
/// It works through a list of schemas still to be read, so that neither deep nor recursive
/// documents take stack.
struct SchemaReader {
    /// The greatest count that a schema may ask for.
    private static let maxCount = 1 << 30

    /// The most digits that `multipleOf` may have: a number is divided by them digit by digit.
    private static let maxUnitDigitCount = 64

    /// About how many bytes a schema takes.
    private static let schemaByteCount = 1_024

    private struct Reference: Hashable {
        let text: ExactString
        let resource: Int
    }

    private let document: JSONValue
    private let limits: RecognitionLimits
    private var references: SchemaReferences
    /// The schemas whose keywords have not been read.
    private var pending: [(schema: Schema, object: JSONObject)] = []
    /// The schemas that references name, by their pointers.
    private var targets: [ExactString: Schema] = [:]
    /// What references name, as they are written.
    private var targetsByReference: [Reference: Schema] = [:]
    /// The keywords of the schema that is being read.
    private var keywords: [SchemaKeyword?] = []
    private var patternIndices: [ExactString: Int] = [:]

    /// The first schema within which more others apply to one value than recognizers can read.
    private(set) var highest: Schema?
    /// All schemas so far.
    private(set) var schemas: [Schema] = []
    /// The distinct patterns so far.
    private(set) var patterns: [Schema.Pattern] = []
    /// Whether there are references.
    private(set) var hasReferences = false
    /// Whether what a reference names may depend on how it was reached.
    private(set) var hasDynamicReferences = false

    /// A reader of a document.
    init(_ document: JSONValue, limits: RecognitionLimits) throws(RecognitionError) {
        self.document = document
        self.limits = limits.begun()
        references = try SchemaReferences(document)
    }

    /// Reads all that can be reached from the root.
    mutating func read() throws(RecognitionError) -> Schema {
        let root = try schema(
            of: SchemaReferences.Location(value: document, pointer: "", resource: 0))
        var readCount = 0
        while let (schema, object) = pending.popLast() {
            if readCount.isMultiple(of: 64) { try checkTime(at: schema) }
            readCount += 1
            try read(object, into: schema)
        }
        if hasReferences { try refuseCycles() }
        if hasReferences, !hasDynamicReferences { shortenReferences() }
        try measureHeights()
        if hasDynamicReferences {
            for schema in schemas {
                schema.resource = references.representative(of: schema.resource)
            }
        }
        return root
    }

    private func checkTime(at schema: Schema) throws(RecognitionError) {
        guard limits.isOverdue else { return }
        throw RecognitionError(at: schema.pointer, "the schema takes too long to read")
    }

    // MARK: Making schemas

    /// The schema at a place that a reference names, made when it is first named.
    private mutating func schema(
        of location: SchemaReferences.Location
    ) throws(RecognitionError) -> Schema {
        let key = ExactString(location.pointer)
        if let known = targets[key] { return known }
        let schema = Schema(
            pointer: location.pointer, resource: location.resource, index: schemas.count)
        try add(schema, location.value)
        targets[key] = schema
        return schema
    }

    /// The schema that is a keyword's value, or a part of it.
    private mutating func schema(
        _ value: JSONValue, within parent: Schema, _ keyword: SchemaKeyword,
        _ member: String? = nil
    ) throws(RecognitionError) -> Schema {
        let schema = Schema(
            within: parent, keyword.rawValue, member, index: schemas.count)
        guard schema.depth <= limits.maxDepth else {
            throw RecognitionError(
                at: schema.pointer, "the schema nests deeper than \(limits.maxDepth) levels")
        }
        try add(schema, value)
        return schema
    }

    private mutating func add(_ schema: Schema, _ value: JSONValue) throws(RecognitionError) {
        guard schemas.count < limits.maxBytes / Self.schemaByteCount else {
            throw RecognitionError(
                at: schema.pointer, "the schema has more than \(schemas.count) parts; split it")
        }
        schemas.append(schema)
        if schemas.count.isMultiple(of: 1_024) { try checkTime(at: schema) }
        switch value {
        case .bool(let verdict): schema.verdict = verdict
        case .object(let object) where object.isEmpty: schema.verdict = true
        case .object(let object): pending.append((schema, object))
        default:
            throw RecognitionError(
                at: schema.pointer,
                "a schema is an object or a boolean, not \(Self.phrase(for: value))")
        }
    }

    // MARK: Keywords

    private mutating func read(
        _ object: JSONObject, into schema: Schema
    ) throws(RecognitionError) {
        let names = object.keys
        let values = object.values
        keywords.removeAll(keepingCapacity: true)
        var reference: Int?
        var hasIdentifier = false
        for index in names.indices {
            let keyword = SchemaKeyword.named(names[index])
            keywords.append(keyword)
            switch keyword {
            case .ref: reference = index
            case .identifier, .olderIdentifier: hasIdentifier = true
            default: break
            }
        }
        // What a reference names is in its own resource already.
        if hasIdentifier, schema.depth > 0 {
            schema.resource = references.resource(
                of: .object(object), within: schema.resource, at: .schema(schema))
        }
        let dialect = references.resources[schema.resource].dialect
        schema.containsEvaluates = dialect.containsEvaluates
        schema.integersArePlain = dialect == .draft4
        if dialect.referenceHidesSiblings, let reference {
            try readReference(.ref, values[reference], into: schema)
            schema.isAlias = schema.reference != nil
            return
        }
        var askingCount = 0
        for index in names.indices {
            guard let keyword = keywords[index], keyword.dialect <= dialect else { continue }
            if try read(keyword, values[index], of: object, into: schema) { askingCount += 1 }
        }
        if askingCount == 0 { schema.verdict = true }
        schema.isAlias = askingCount == 1 && schema.reference != nil
    }

    /// Reads one keyword.
    ///
    /// - Returns: whether it asks anything of a value.
    private mutating func read(
        _ keyword: SchemaKeyword, _ value: JSONValue, of object: JSONObject, into schema: Schema
    ) throws(RecognitionError) -> Bool {
        switch keyword {
        case .type: schema.types = try types(value, schema)
        case .enum: schema.enumeration = try array(value, schema, keyword)
        case .const: schema.constant = value
        case .minimum, .maximum, .exclusiveMinimum, .exclusiveMaximum, .multipleOf:
            try readNumber(keyword, value, of: object, into: schema)
        case .minLength, .maxLength, .minItems, .maxItems, .minContains, .maxContains,
            .minProperties, .maxProperties:
            try readCount(keyword, value, into: schema)
        case .pattern: schema.pattern = try pattern(value, schema, keyword)
        case .format:
            guard let name = value.stringValue else {
                throw mismatch(schema, keyword, "a string", value)
            }
            schema.format = StringFormat(named: name)
            return schema.format != nil
        case .prefixItems, .items, .additionalItems, .contains, .uniqueItems, .unevaluatedItems:
            return try readItems(keyword, value, of: object, into: schema)
        case .properties, .patternProperties, .additionalProperties, .propertyNames, .required,
            .dependencies, .dependentRequired, .dependentSchemas, .unevaluatedProperties:
            try readMembers(keyword, value, into: schema)
        case .allOf, .anyOf, .oneOf, .not, .if, .then, .else, .ref, .dynamicRef, .recursiveRef:
            return try readInPlace(keyword, value, of: object, into: schema)
        case .identifier, .olderIdentifier, .defs, .definitions, .contentSchema: return false
        }
        return true
    }

    private func readNumber(
        _ keyword: SchemaKeyword, _ value: JSONValue, of object: JSONObject, into schema: Schema
    ) throws(RecognitionError) {
        let number: ExactNumber?
        switch value {
        case .integer, .number, .decimal: number = value.exactNumber
        case .bool(let isExclusive) where keyword == .exclusiveMinimum:
            // Draft 4: the bound itself is the other keyword's.
            number = isExclusive ? object["minimum"]?.exactNumber : nil
        case .bool(let isExclusive) where keyword == .exclusiveMaximum:
            number = isExclusive ? object["maximum"]?.exactNumber : nil
        default: throw mismatch(schema, keyword, "a number", value)
        }
        switch keyword {
        case .minimum: schema.minimum = number
        case .maximum: schema.maximum = number
        case .exclusiveMinimum: schema.exclusiveMinimum = number
        case .exclusiveMaximum: schema.exclusiveMaximum = number
        default:
            guard let number, !number.isZero, !number.isNegative else {
                throw mismatch(schema, keyword, "a number above zero", value)
            }
            guard number.digits.count <= Self.maxUnitDigitCount else {
                throw RecognitionError(
                    at: place(schema, keyword, nil),
                    "more than \(Self.maxUnitDigitCount) digits are not supported")
            }
            schema.multipleOf = number
        }
    }

    private func readCount(
        _ keyword: SchemaKeyword, _ value: JSONValue, into schema: Schema
    ) throws(RecognitionError) {
        var count: Int?
        if let number = value.exactNumber, number.isInteger {
            // More than can be counted, or less than nothing.
            count = number.intValue ?? (number.isNegative ? -1 : Int.max)
        }
        guard let count, count >= 0 else {
            throw mismatch(schema, keyword, "a whole number from 0", value)
        }
        // No text is as long as that, so that what is more is as much, and no limit.
        let least = min(count, Self.maxCount)
        let most = count > Self.maxCount ? nil : count
        switch keyword {
        case .minLength: schema.minLength = least
        case .maxLength: schema.maxLength = most
        case .minItems: schema.minItems = least
        case .maxItems: schema.maxItems = most
        case .minContains: schema.minContains = least
        case .maxContains: schema.maxContains = most
        case .minProperties: schema.minProperties = least
        default: schema.maxProperties = most
        }
    }

    private mutating func readItems(
        _ keyword: SchemaKeyword, _ value: JSONValue, of object: JSONObject, into schema: Schema
    ) throws(RecognitionError) -> Bool {
        switch (keyword, value) {
        case (.prefixItems, _), (.items, .array):
            schema.prefixItems = try schemas(value, schema, keyword)
        case (.items, _): schema.items = try self.schema(value, within: schema, keyword)
        case (.additionalItems, _):
            // It says nothing beside a schema for all items.
            guard case .array = object["items"] else { return false }
            schema.items = try self.schema(value, within: schema, keyword)
        case (.contains, _):
            schema.contains = try self.schema(value, within: schema, keyword)
        case (.unevaluatedItems, _):
            schema.unevaluatedItems = try self.schema(value, within: schema, keyword)
        case (_, .bool(let isUnique)): schema.uniqueItems = isUnique
        default: throw mismatch(schema, keyword, "a boolean", value)
        }
        return true
    }

    private mutating func readMembers(
        _ keyword: SchemaKeyword, _ value: JSONValue, into schema: Schema
    ) throws(RecognitionError) {
        switch keyword {
        case .properties:
            let map = try self.object(value, schema, keyword)
            schema.properties.reserveCapacity(map.count)
            let (names, values) = (map.keys, map.values)
            for index in names.indices {
                let inner = try self.schema(values[index], within: schema, keyword, names[index])
                schema.properties.append((names[index], inner))
            }
        case .patternProperties:
            for (source, value) in try self.object(value, schema, keyword) {
                let pattern = try pattern(.string(source), schema, keyword, member: source)
                let inner = try self.schema(value, within: schema, keyword, source)
                schema.patternProperties.append((pattern, inner))
            }
        case .additionalProperties:
            schema.additionalProperties = try self.schema(value, within: schema, keyword)
        case .propertyNames:
            schema.propertyNames = try self.schema(value, within: schema, keyword)
        case .unevaluatedProperties:
            schema.unevaluatedProperties = try self.schema(value, within: schema, keyword)
        case .required: schema.required = try names(value, schema, keyword)
        default:
            for (name, value) in try self.object(value, schema, keyword) {
                if keyword == .dependentRequired
                    || (keyword == .dependencies && value.arrayValue != nil)
                {
                    let required = try names(value, schema, keyword, member: name)
                    schema.dependentRequired.append((name, required))
                } else {
                    let inner = try self.schema(value, within: schema, keyword, name)
                    schema.dependentSchemas.append((name, inner))
                }
            }
        }
    }

    private mutating func readInPlace(
        _ keyword: SchemaKeyword, _ value: JSONValue, of object: JSONObject, into schema: Schema
    ) throws(RecognitionError) -> Bool {
        switch keyword {
        case .allOf: schema.allOf += try schemas(value, schema, keyword)
        case .anyOf: schema.anyOf = try schemas(value, schema, keyword)
        case .oneOf: schema.oneOf = try schemas(value, schema, keyword)
        case .not: schema.not = try self.schema(value, within: schema, keyword)
        case .if:
            let condition = try self.schema(value, within: schema, keyword)
            let then = try object["then"].map { value throws(RecognitionError) in
                try self.schema(value, within: schema, .then)
            }
            let otherwise = try object["else"].map { value throws(RecognitionError) in
                try self.schema(value, within: schema, .else)
            }
            schema.condition = (condition, then, otherwise)
        case .ref, .dynamicRef, .recursiveRef:
            try readReference(keyword, value, into: schema)
        default: return false  // "then" and "else" are read with "if".
        }
        return true
    }

    private mutating func readReference(
        _ keyword: SchemaKeyword, _ value: JSONValue, into schema: Schema
    ) throws(RecognitionError) {
        guard let text = value.stringValue else {
            throw mismatch(schema, keyword, "a string", value)
        }
        hasReferences = true
        let name = Reference(text: ExactString(text), resource: schema.resource)
        if keyword == .ref, let known = targetsByReference[name] {
            return refer(schema, to: known)
        }
        let target =
            if keyword == .recursiveRef {
                references.recursiveTarget(within: schema.resource)
            } else {
                try references.target(
                    of: text, within: schema.resource,
                    at: { schema.pointer + "/" + keyword.rawValue })
            }
        let fallback = try self.schema(of: target.location)
        if keyword == .ref {
            targetsByReference[name] = fallback
            return refer(schema, to: fallback)
        }
        let locations =
            target.dynamicAnchor.map { references.locations(ofDynamicAnchor: $0) } ?? []
        guard locations.count > 1 else { return refer(schema, to: fallback) }
        hasDynamicReferences = true
        var dynamic = Schema.DynamicReference(candidates: [], fallback: fallback)
        for location in locations {
            let candidate = try self.schema(of: location)
            candidate.referenceCount += 1
            dynamic.candidates.append(
                (references.representative(of: location.resource), candidate))
        }
        fallback.referenceCount += 1
        schema.dynamicReference = dynamic
    }

    private func refer(_ schema: Schema, to target: Schema) {
        target.referenceCount += 1
        if schema.reference == nil {
            schema.reference = target
        } else {
            // Both `$ref` and a dynamic one that turned out to be static.
            schema.allOf.append(target)
        }
    }

    // MARK: Values of keywords

    private mutating func schemas(
        _ value: JSONValue, _ parent: Schema, _ keyword: SchemaKeyword
    ) throws(RecognitionError) -> [Schema] {
        let values = try array(value, parent, keyword)
        var schemas: [Schema] = []
        schemas.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            schemas.append(try schema(value, within: parent, keyword, String(index)))
        }
        return schemas
    }

    private func array(
        _ value: JSONValue, _ schema: Schema, _ keyword: SchemaKeyword
    ) throws(RecognitionError) -> [JSONValue] {
        guard let array = value.arrayValue else {
            throw mismatch(schema, keyword, "an array", value)
        }
        return array
    }

    private func object(
        _ value: JSONValue, _ schema: Schema, _ keyword: SchemaKeyword
    ) throws(RecognitionError) -> JSONObject {
        guard let object = value.objectValue else {
            throw mismatch(schema, keyword, "an object", value)
        }
        return object
    }

    private func names(
        _ value: JSONValue, _ schema: Schema, _ keyword: SchemaKeyword, member: String? = nil
    ) throws(RecognitionError) -> [String] {
        guard let values = value.arrayValue else {
            throw mismatch(schema, keyword, member: member, "an array of names", value)
        }
        var names: [String] = []
        names.reserveCapacity(values.count)
        for value in values {
            guard let name = value.stringValue else {
                throw mismatch(schema, keyword, member: member, "an array of names", value)
            }
            names.append(name)
        }
        return names
    }

    private func types(
        _ value: JSONValue, _ schema: Schema
    ) throws(RecognitionError) -> Schema.Types {
        var types: Schema.Types = []
        for name in value.arrayValue ?? [value] {
            switch name.stringValue {
            case "null": types.insert(.null)
            case "boolean": types.insert(.boolean)
            case "integer": types.insert(.integer)
            case "number": types.insert(.number)
            case "string": types.insert(.string)
            case "array": types.insert(.array)
            case "object": types.insert(.object)
            default:
                throw mismatch(
                    schema, .type,
                    "null, boolean, integer, number, string, array, object or a list of these",
                    name)
            }
        }
        return types
    }

    private mutating func pattern(
        _ value: JSONValue, _ schema: Schema, _ keyword: SchemaKeyword, member: String? = nil
    ) throws(RecognitionError) -> Schema.Pattern {
        guard let source = value.stringValue else {
            throw mismatch(schema, keyword, "a regular expression", value)
        }
        if let index = patternIndices[ExactString(source)] { return patterns[index] }
        do {
            let pattern = Schema.Pattern(
                source: source,
                expression: try RegularExpression(ecmaScript: source, limits: limits),
                index: patterns.count)
            patterns.append(pattern)
            patternIndices[ExactString(source)] = pattern.index
            return pattern
        } catch {
            throw RecognitionError(
                at: place(schema, keyword, member), "\(error) in the expression \"\(source)\"")
        }
    }

    // MARK: Errors

    /// Refuses schemas that lead back to themselves without looking into the value.
    private func refuseCycles() throws(RecognitionError) {
        enum Mark { case new, open, done }
        var marks = [Mark](repeating: .new, count: schemas.count)
        var path: [(schema: Schema, rest: [Schema])] = []
        for start in schemas where marks[start.index] == .new && start.hasInPlace {
            path.append((start, start.inPlace))
            marks[start.index] = .open
            while let last = path.indices.last {
                let schema = path[last].schema
                guard let next = path[last].rest.popLast() else {
                    marks[schema.index] = .done
                    path.removeLast()
                    continue
                }
                switch marks[next.index] {
                case .done: break
                case .open:
                    throw RecognitionError(
                        at: schema.pointer,
                        "the schema refers to itself (\"#\(next.pointer)\") for the same value, "
                            + "so that nothing decides it")
                case .new:
                    marks[next.index] = .open
                    path.append((next, next.inPlace))
                }
            }
        }
    }

    /// Has references name what asks for something, past schemas that only refer to others, so that
    /// a chain of them costs no more than its last one.
    private func shortenReferences() {
        for schema in schemas {
            guard var target = schema.reference, target.isAlias else { continue }
            var passed: [Schema] = [schema]
            while target.isAlias, let next = target.reference {
                passed.append(target)
                target = next
            }
            for alias in passed where alias.reference !== target {
                alias.reference = target
                target.referenceCount += 1
            }
        }
    }

    /// How many schemas may apply to one value within one another where recognizers, which recurse,
    /// are to read it.
    static let maxHeight = 150

    /// Refuses schemas within which too many others apply to the same value, one within the other,
    /// and notes the first that are too many for recognizers.
    private mutating func measureHeights() throws(RecognitionError) {
        var heights = [Int32](repeating: -1, count: schemas.count)
        var path: [(schema: Schema, parts: [Schema], next: Int)] = []
        for start in schemas where heights[start.index] < 0 && start.hasInPlace {
            path.append((start, start.inPlace, 0))
            while let last = path.indices.last {
                let (schema, parts, next) = path[last]
                if next < parts.count {
                    path[last].next += 1
                    let part = parts[next]
                    if heights[part.index] < 0 {
                        if part.hasInPlace {
                            path.append((part, part.inPlace, 0))
                        } else {
                            heights[part.index] = 0
                        }
                    }
                    continue
                }
                let height = parts.reduce(0) { max($0, heights[$1.index] + 1) }
                guard height <= limits.maxDepth else {
                    throw RecognitionError(
                        at: schema.pointer,
                        "more than \(limits.maxDepth) schemas apply to one value within another")
                }
                if height > Self.maxHeight, highest == nil { highest = schema }
                heights[schema.index] = height
                path.removeLast()
            }
        }
    }

    private func place(_ schema: Schema, _ keyword: SchemaKeyword, _ member: String?) -> String {
        schema.pointer + "/" + keyword.rawValue + (member.map { "/" + Schema.escaped($0) } ?? "")
    }

    private func mismatch(
        _ schema: Schema, _ keyword: SchemaKeyword, member: String? = nil, _ expected: String,
        _ value: JSONValue
    ) -> RecognitionError {
        RecognitionError(
            at: place(schema, keyword, member),
            "expected \(expected), found \(Self.phrase(for: value))")
    }

    /// A value in a sentence: short ones as they are, others by their kind.
    private static func phrase(for value: JSONValue) -> String {
        switch value {
        case .null, .bool, .integer, .number: value.serialized()
        case .decimal(let text) where text.utf8.count <= 40: value.serialized()
        case .decimal: "a number of many digits"
        case .string(let text) where text.utf8.count <= 40: value.serialized()
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}
