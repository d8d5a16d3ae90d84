// SPDX-License-Identifier: Apache-2.0

/// The drafts of JSON Schema that are read.
enum SchemaDialect: Int, Comparable, CaseIterable {
    case draft4, draft6, draft7, draft2019, draft2020

    /// The dialect that a value of `$schema` names.
    ///
    /// A metaschema of somebody's own is taken for an extension of the newest draft, whose further
    /// keywords are annotations.
    ///
    /// - Returns: nil for a draft that is too old to be read.
    init?(named uri: String) {
        if let dialect = SchemaDialect(metaschemaAt: uri) {
            self = dialect
            return
        }
        for draft in ["-01", "-02", "-03"]
        where Self.name(ofMetaschemaAt: uri) == "json-schema.org/draft\(draft)/schema" {
            return nil
        }
        self = .draft2020
    }

    /// The dialect whose own metaschema has an address.
    init?(metaschemaAt uri: String) {
        switch Self.name(ofMetaschemaAt: uri) {
        case "json-schema.org/draft-04/schema", "json-schema.org/draft-05/schema": self = .draft4
        case "json-schema.org/draft-06/schema": self = .draft6
        case "json-schema.org/draft-07/schema": self = .draft7
        case "json-schema.org/draft/2019-09/schema": self = .draft2019
        case "json-schema.org/draft/2020-12/schema", "json-schema.org/schema": self = .draft2020
        default: return nil
        }
    }

    /// An address without its scheme and without what may stand at its end.
    private static func name(ofMetaschemaAt uri: String) -> Substring {
        var name = Substring(uri)
        if name.hasSuffix("#") { name.removeLast() }
        if name.hasSuffix("/") { name.removeLast() }
        for scheme in ["http://", "https://"] where name.hasPrefix(scheme) {
            name.removeFirst(scheme.count)
        }
        return name
    }

    static func < (left: SchemaDialect, right: SchemaDialect) -> Bool {
        left.rawValue < right.rawValue
    }

    /// Whether `$ref` hides the keywords beside it.
    var referenceHidesSiblings: Bool { self <= .draft7 }

    /// Whether an identifier may be nothing but a fragment, which makes it an anchor.
    var identifiersMayBeAnchors: Bool { self <= .draft7 }

    /// The keyword that gives a schema its address.
    var identifierKeyword: String { self == .draft4 ? "id" : "$id" }

    /// Whether items that satisfy `contains` count as evaluated.
    var containsEvaluates: Bool { self >= .draft2020 }
}

/// The keywords of JSON Schema that say what a value must be, or where schemas stand.
enum SchemaKeyword: String, CaseIterable {
    case type, `enum`, const
    case minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf
    case minLength, maxLength, pattern, format
    case prefixItems, items, additionalItems, contains, minContains, maxContains
    case minItems, maxItems, uniqueItems, unevaluatedItems
    case properties, patternProperties, additionalProperties, propertyNames
    case minProperties, maxProperties, required, dependencies
    case dependentRequired, dependentSchemas, unevaluatedProperties
    case allOf, anyOf, oneOf, not
    case `if`, then, `else`
    case identifier = "$id"
    case olderIdentifier = "id"
    case ref = "$ref"
    case dynamicRef = "$dynamicRef"
    case recursiveRef = "$recursiveRef"
    case defs = "$defs"
    case definitions
    case contentSchema

    /// The first draft that has the keyword.
    ///
    /// What a later draft renamed or took out is still understood in it, where it cannot mean
    /// anything else.
    var dialect: SchemaDialect {
        switch self {
        case .const, .contains, .propertyNames: .draft6
        case .if, .then, .else: .draft7
        case .minContains, .maxContains, .dependentRequired, .dependentSchemas,
            .unevaluatedItems, .unevaluatedProperties, .recursiveRef, .defs, .contentSchema:
            .draft2019
        case .prefixItems, .dynamicRef: .draft2020
        default: .draft4
        }
    }

    /// Where schemas stand within the keyword's value.
    enum Schemas { case none, one, list, map, oneOrList, mapOfSomeSchemas }

    /// Where schemas stand within the keyword's value.
    var schemas: Schemas {
        switch self {
        case .additionalItems, .contains, .unevaluatedItems, .additionalProperties, .propertyNames,
            .unevaluatedProperties, .not, .if, .then, .else, .contentSchema:
            .one
        case .items: .oneOrList
        case .prefixItems, .allOf, .anyOf, .oneOf: .list
        case .properties, .patternProperties, .dependentSchemas, .defs, .definitions: .map
        case .dependencies: .mapOfSomeSchemas
        default: .none
        }
    }

    /// The keyword of that name.
    static func named(_ name: String) -> SchemaKeyword? {
        var index = hash(name)
        while let keyword = table[index] {
            if keyword.name == name { return keyword.keyword }
            index = (index + 1) & (table.count - 1)
        }
        return nil
    }

    /// Open addressing by ``hash(_:)``: a dictionary of strings takes ten times as long, and there
    /// is a lookup for each member of a schema.
    private static let table: [(name: String, keyword: SchemaKeyword)?] = {
        var table = [(name: String, keyword: SchemaKeyword)?](repeating: nil, count: 256)
        for keyword in allCases {
            var index = hash(keyword.rawValue)
            while table[index] != nil { index = (index + 1) & (table.count - 1) }
            table[index] = (keyword.rawValue, keyword)
        }
        return table
    }()

    private static func hash(_ name: String) -> Int {
        let utf8 = name.utf8
        let bytes = utf8.span
        var hash: UInt32 = 0x811C_9DC5
        for index in 0..<min(24, bytes.count) {
            hash = (hash ^ UInt32(bytes[index])) &* 0x0100_0193
        }
        return Int((hash ^ hash >> 16) & 255)
    }
}
