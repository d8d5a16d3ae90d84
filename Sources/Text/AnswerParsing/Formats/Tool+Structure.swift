// SPDX-License-Identifier: Apache-2.0

import JSON
import Recognition

extension Tool {
    /// A call's arguments as JSON text.
    var argumentStructure: Structure {
        switch input {
        case .arguments(let schema): return .schema(Self.objects(of: schema))
        case .text: return .schema(Self.wrapped(["type": "string"]))
        case .expression(let pattern):
            return .schema(
                Self.wrapped(["type": "string", "pattern": .string("^(?:\(pattern))$")]))
        case .grammar(let grammar):
            let key = JSONValue.string(Self.inputKey).serialized()
            return .sequence([
                .literal("{\(key): \""), .escaped(.grammar(grammar)), .literal("\"}"),
            ])
        }
    }

    /// The schema of a call's arguments, whatever it carries.
    var parameterSchema: JSONValue {
        switch input {
        case .arguments(let schema): schema
        case .text, .grammar, .expression: Self.wrapped(["type": "string"])
        }
    }

    /// The name as it stands within a JSON string.
    var escapedName: String {
        String(JSONValue.string(name).serialized(.python).dropFirst().dropLast())
    }

    private static func wrapped(_ input: JSONValue) -> JSONValue {
        [
            "type": "object", "properties": .object([inputKey: input]),
            "required": [.string(inputKey)], "additionalProperties": false,
        ]
    }

    /// Keywords that may speak of members which `properties` does not list.
    private static let openingKeywords = [
        "additionalProperties", "unevaluatedProperties", "patternProperties", "propertyNames",
        "minProperties", "dependentSchemas", "dependencies", "dependentRequired", "allOf", "anyOf",
        "oneOf", "not", "if", "$ref", "$dynamicRef", "$recursiveRef",
    ]

    /// The schema for objects only, which have no members but those that it lists if it lists all.
    ///
    /// A model makes up further arguments where it may, and no function takes them.
    static func objects(of schema: JSONValue) -> JSONValue {
        guard case .object(var object) = schema else {
            return schema == .bool(false) ? schema : ["type": "object"]
        }
        if object["type"]?.arrayValue?.contains("object") == true { object["type"] = "object" }
        if object["type"] == nil, !object.contains("$ref") { object["type"] = "object" }
        guard let properties = object["properties"]?.objectValue, !properties.isEmpty,
            object["type"] == "object", !openingKeywords.contains(where: object.contains),
            (object["required"]?.arrayValue ?? []).allSatisfy({
                $0.stringValue.map(properties.contains) ?? false
            })
        else { return .object(object) }
        object["additionalProperties"] = false
        return .object(object)
    }
}
