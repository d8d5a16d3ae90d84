// SPDX-License-Identifier: Apache-2.0

import JSON

/// The parameters of a tool one by one, for formats that write each of them by itself.
struct ToolParameters: Sendable {
    struct Parameter: Sendable {
        let name: String
        /// Its schema, with the definitions that it may refer to.
        let schema: JSONValue
        let isRequired: Bool
        /// The kinds of its values by the names of JSON Schema; nil where it may be anything.
        let types: Set<String>?

        /// Whether its values are strings and nothing else.
        var isString: Bool { types == ["string"] }
    }

    let parameters: [Parameter]

    /// Whether there may be others.
    let allowsOthers: Bool

    init(_ tool: Tool) {
        self.init(schema: tool.parameterSchema, in: tool.parameterSchema)
    }

    /// The members of objects of a schema that is part of a document.
    init(schema: JSONValue, in root: JSONValue) {
        let object = Self.resolved(schema, in: root)
        let required = Set(
            (object["required"]?.arrayValue ?? []).compactMap(\.stringValue))
        parameters = (object["properties"]?.objectValue ?? [:]).map { name, schema in
            Parameter(
                name: name, schema: Self.withDefinitions(schema, of: root),
                isRequired: required.contains(name), types: Self.types(schema, in: root, depth: 0))
        }
        allowsOthers = parameters.isEmpty && object["additionalProperties"] != false
    }

    func parameter(_ name: String) -> Parameter? { parameters.first { $0.name == name } }

    static func withDefinitions(_ schema: JSONValue, of root: JSONValue) -> JSONValue {
        guard case .object(var object) = schema else { return schema }
        for key in ["$defs", "definitions"] where object[key] == nil {
            if let definitions = root[key] { object[key] = definitions }
        }
        return .object(object)
    }

    /// What a schema refers to, if that is a definition of the document.
    static func resolved(_ schema: JSONValue, in root: JSONValue) -> JSONValue {
        var schema = schema
        for _ in 0..<16 {
            guard let reference = schema["$ref"]?.stringValue, reference.hasPrefix("#/") else {
                break
            }
            var target: JSONValue? = root
            for part in reference.dropFirst(2).split(separator: "/") {
                target = target?[String(part)]
            }
            guard let target else { break }
            schema = target
        }
        return schema
    }

    static func types(
        _ schema: JSONValue, in root: JSONValue, depth: Int
    ) -> Set<String>? {
        let schema = resolved(schema, in: root)
        guard depth < 8, case .object(let object) = schema else { return nil }
        if let type = object["type"]?.stringValue { return [type] }
        if let types = object["type"]?.arrayValue {
            return Set(types.compactMap(\.stringValue))
        }
        if let constant = object["const"] { return [constant.kindName] }
        if let values = object["enum"]?.arrayValue { return Set(values.map(\.kindName)) }
        for key in ["anyOf", "oneOf"] {
            guard let options = object[key]?.arrayValue else { continue }
            var all: Set<String> = []
            for option in options {
                guard let types = types(option, in: root, depth: depth + 1) else { return nil }
                all.formUnion(types)
            }
            return all
        }
        for part in object["allOf"]?.arrayValue ?? [] {
            if let types = types(part, in: root, depth: depth + 1) { return types }
        }
        return nil
    }
}
