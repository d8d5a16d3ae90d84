// SPDX-License-Identifier: Apache-2.0

import JSON

/// The parameters of a tool one by one, for formats that write each of them by itself.
struct ToolParameters: Sendable {
    struct Parameter: Sendable {
        let name: String
        /// Its schema, a part of the tool's.
        fileprivate(set) var schema: JSONValue
        fileprivate(set) var isRequired = false
        /// The kinds of its values by the names of JSON Schema; nil where it may be anything.
        fileprivate(set) var types: Set<String>?

        /// Whether its values are strings and nothing else.
        var isString: Bool { types == ["string"] }
    }

    let parameters: [Parameter]

    /// What others are like that have a name of the model's choice; nil where there may be none.
    let others: Parameter?

    /// How far a schema is looked into; no tool that means well needs so much.
    static let maxSteps = 1 << 16

    /// The parameters of a tool.
    init(_ tool: Tool) {
        var steps = Self.maxSteps
        self.init(schema: tool.parameterSchema, in: tool.parameterSchema, steps: &steps)
    }

    /// The members of objects of a schema that is part of a document.
    ///
    /// - Parameters:
    ///   - schema: the part.
    ///   - root: the document.
    ///   - steps: how far may be looked; what was used is taken off.
    init(schema: JSONValue, in root: JSONValue, steps: inout Int) {
        var look = SchemaLook(root: root, stepsLeft: steps)
        var all: [Parameter] = []
        var places: [String: Int] = [:]
        var required: Set<String> = []
        var further: [JSONValue] = []
        for object in look.objects(of: schema) {
            required.formUnion((object["required"]?.arrayValue ?? []).compactMap(\.stringValue))
            if let more = object["additionalProperties"] { further.append(more) }
            for (name, schema) in object["properties"]?.objectValue ?? [:] {
                let types = look.types(of: schema)
                if let place = places[name] {
                    all[place].schema = ["allOf": [all[place].schema, schema]]
                    all[place].types = all[place].types ?? types
                } else {
                    places[name] = all.count
                    all.append(Parameter(name: name, schema: schema, types: types))
                }
            }
        }
        for index in all.indices { all[index].isRequired = required.contains(all[index].name) }
        parameters = all
        if all.isEmpty, !further.contains(false) {
            let schema = further.first { $0.objectValue != nil } ?? [:]
            others = Parameter(name: "", schema: schema, types: look.types(of: schema))
        } else {
            others = nil
        }
        steps = look.stepsLeft
    }

    func parameter(_ name: String) -> Parameter? {
        parameters.first { $0.name == name } ?? others
    }
}

/// Looks into a schema and what it refers to, and no further than so many steps.
struct SchemaLook {
    let root: JSONValue
    var stepsLeft: Int

    private static let maxDepth = 16

    /// The schema, what it refers to, and the parts that all have to hold, as far as they are objects.
    mutating func objects(of schema: JSONValue) -> [JSONObject] {
        var objects: [JSONObject] = []
        gather(schema, into: &objects, depth: 0)
        return objects
    }

    private mutating func gather(
        _ schema: JSONValue, into objects: inout [JSONObject], depth: Int
    ) {
        stepsLeft -= 1
        guard stepsLeft > 0, depth < Self.maxDepth, case .object(let object) = schema else {
            return
        }
        objects.append(object)
        if let target = target(of: object) { gather(target, into: &objects, depth: depth + 1) }
        for part in object["allOf"]?.arrayValue ?? [] {
            gather(part, into: &objects, depth: depth + 1)
        }
    }

    private func target(of object: JSONObject) -> JSONValue? {
        object["$ref"]?.stringValue.flatMap { SchemaParts.target(of: $0, in: root) }
    }

    /// The kinds of a schema's values by the names of JSON Schema; nil where it may be anything.
    mutating func types(of schema: JSONValue) -> Set<String>? { types(of: schema, depth: 0) }

    private mutating func types(of schema: JSONValue, depth: Int) -> Set<String>? {
        stepsLeft -= 1
        guard stepsLeft > 0, depth < Self.maxDepth, case .object(let object) = schema else {
            return nil
        }
        if let type = object["type"]?.stringValue { return [type] }
        if let types = object["type"]?.arrayValue { return Set(types.compactMap(\.stringValue)) }
        if let constant = object["const"] { return [constant.kindName] }
        if let values = object["enum"]?.arrayValue { return Set(values.map(\.kindName)) }
        if let target = target(of: object), let types = types(of: target, depth: depth + 1) {
            return types
        }
        for key in ["anyOf", "oneOf"] {
            guard let options = object[key]?.arrayValue else { continue }
            var all: Set<String> = []
            for option in options {
                guard let types = types(of: option, depth: depth + 1) else { return nil }
                all.formUnion(types)
            }
            return all
        }
        for part in object["allOf"]?.arrayValue ?? [] {
            if let types = types(of: part, depth: depth + 1) { return types }
        }
        return nil
    }
}
