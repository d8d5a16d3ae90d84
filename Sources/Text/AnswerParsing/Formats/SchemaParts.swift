// SPDX-License-Identifier: Apache-2.0

import JSON

/// Parts of a schema that stand alone, and still refer to any part of the whole.
struct SchemaParts: Sendable {
    /// The whole as parts have it with them, its own references told from there.
    private let whole: JSONValue

    /// Where the whole stands in a part.
    private static let place = "whole"

    /// The parts of a schema.
    ///
    /// - Complexity: O(values).
    init(of root: JSONValue) {
        whole = Self.moved(root, without: ["$id", "id"])
    }

    /// A part that stands alone.
    ///
    /// - Complexity: O(values of the part).
    func alone(_ part: JSONValue) -> JSONValue {
        guard Self.refersToWhole(part),
            case .object(var object) = Self.moved(
                part, without: ["$id", "id", "$schema", "$anchor", "$dynamicAnchor"])
        else { return part }
        object["$defs"] = .object([Self.place: whole])
        return .object(object)
    }

    /// A schema that stands alone, with these types and no others.
    static func restricted(_ schema: JSONValue, to types: [String]) -> JSONValue {
        var object: JSONObject = ["type": .array(types.map { .string($0) })]
        if schema.objectValue?.isEmpty != true { object["allOf"] = [schema] }
        // Where references lead from within as from outside.
        if let definitions = schema["$defs"] { object["$defs"] = definitions }
        return .object(object)
    }

    /// What a reference by the names of members means; nil where it is another, or leads nowhere.
    static func target(of reference: String, in root: JSONValue) -> JSONValue? {
        if reference == "#" { return root }
        guard reference.hasPrefix("#/") else { return nil }
        var target: JSONValue? = root
        for token in reference.dropFirst(2).split(separator: "/", omittingEmptySubsequences: false)
        {
            let key = token.replacing("~1", with: "/").replacing("~0", with: "~")
            if let values = target?.arrayValue {
                target = Int(key).flatMap { values.indices.contains($0) ? values[$0] : nil }
            } else {
                target = target?[String(key)]
            }
        }
        return target
    }

    // MARK: Walking through schemas

    /// Members whose values are schemas by names that clients choose.
    private static let maps: Set<String> = [
        "properties", "patternProperties", "$defs", "definitions", "dependentSchemas",
    ]

    /// Members whose values are no schemas.
    private static let data: Set<String> = ["const", "enum", "default", "examples"]

    /// The text of a reference within a document.
    private static func reference(_ key: String, _ value: JSONValue) -> String? {
        guard key == "$ref" || key == "$dynamicRef", let text = value.stringValue else {
            return nil
        }
        return text.hasPrefix("#") ? text : nil
    }

    private static func refersToWhole(_ schema: JSONValue, isMap: Bool = false) -> Bool {
        switch schema {
        case .array(let values): values.contains { refersToWhole($0) }
        case .object(let object):
            object.contains { key, value in
                if isMap { return refersToWhole(value) }
                if data.contains(key) { return false }
                return reference(key, value) != nil
                    || refersToWhole(value, isMap: maps.contains(key))
            }
        case .null, .bool, .integer, .number, .decimal, .string: false
        }
    }

    /// A schema whose references lead to the whole where parts have it.
    ///
    /// - Parameters:
    ///   - schema: the schema, or what stands in one.
    ///   - isMap: whether it is schemas by names.
    ///   - left: the members that are left out of a schema that is no longer a document.
    /// - Returns: the schema as a part of another document.
    private static func moved(
        _ schema: JSONValue, isMap: Bool = false, without left: Set<String> = []
    ) -> JSONValue {
        switch schema {
        case .array(let values): return .array(values.map { moved($0) })
        case .object(let object):
            // A document within the document refers to its own parts.
            if !isMap, left.isEmpty, object["$id"]?.stringValue != nil { return schema }
            var result = JSONObject()
            for (key, value) in object where !left.contains(key) {
                if isMap {
                    result[key] = moved(value)
                } else if let reference = reference(key, value) {
                    let isByNames = reference == "#" || reference.hasPrefix("#/")
                    result[key] = .string(
                        isByNames ? "#/$defs/\(place)" + reference.dropFirst() : reference)
                } else {
                    result[key] =
                        data.contains(key) ? value : moved(value, isMap: maps.contains(key))
                }
            }
            return .object(result)
        case .null, .bool, .integer, .number, .decimal, .string: return schema
        }
    }
}
