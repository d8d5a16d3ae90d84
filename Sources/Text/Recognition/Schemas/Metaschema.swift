// SPDX-License-Identifier: Apache-2.0

import JSON

extension SchemaDialect {
    /// The schema of the draft's schemas: what each keyword's value must be.
    ///
    /// It stands for the published one where a document refers to that, and accepts the same
    /// schemas.
    var metaschema: JSONValue {
        var properties: [(String, JSONValue)] = SchemaKeyword.allCases.compactMap { keyword in
            guard keyword.dialect <= self, !isRetired(keyword) else { return nil }
            return (keyword.rawValue, schema(of: keyword))
        }
        let text: JSONValue = ["type": "string"]
        for name in ["$schema", "title", "description"] { properties.append((name, text)) }
        if self >= .draft6 { properties.append(("examples", ["type": "array"])) }
        if self >= .draft7 {
            for name in ["$comment", "contentMediaType", "contentEncoding"] {
                properties.append((name, text))
            }
            properties.append(("readOnly", ["type": "boolean"]))
        }
        if self >= .draft2019 {
            let name: JSONValue = ["type": "string", "pattern": "^[A-Za-z_][-A-Za-z0-9._]*$"]
            properties.append(("$anchor", name))
            if self == .draft2020 { properties.append(("$dynamicAnchor", name)) }
            properties.append(("$recursiveAnchor", ["type": "boolean"]))
            for name in ["deprecated", "writeOnly"] {
                properties.append((name, ["type": "boolean"]))
            }
        }
        var metaschema: [(String, JSONValue)] = [
            ("type", self == .draft4 ? "object" : ["object", "boolean"]),
            ("properties", .object(JSONObject(properties))),
        ]
        if self == .draft4 {
            metaschema.append(
                (
                    "dependencies",
                    ["exclusiveMinimum": ["minimum"], "exclusiveMaximum": ["maximum"]]
                ))
        }
        return .object(JSONObject(metaschema))
    }

    private func isRetired(_ keyword: SchemaKeyword) -> Bool {
        switch keyword {
        case .additionalItems: self >= .draft2020
        case .olderIdentifier: self >= .draft6
        case .identifier: self == .draft4
        default: false
        }
    }

    /// What a keyword's value must be.
    private func schema(of keyword: SchemaKeyword) -> JSONValue {
        let itself: JSONValue = ["$ref": "#"]
        let list: JSONValue = ["type": "array", "minItems": 1, "items": itself]
        switch keyword.schemas {
        case .one where self == .draft4 && keyword != .not:
            return ["anyOf": [["type": "boolean"], itself]]
        case .one: return itself
        case .list: return list
        case .oneOrList: return self >= .draft2020 ? itself : ["anyOf": [itself, list]]
        case .map: return ["type": "object", "additionalProperties": itself]
        case .mapOfSomeSchemas:
            return [
                "type": "object", "additionalProperties": ["anyOf": [itself, names]],
            ]
        case .none: return schema(ofPlain: keyword)
        }
    }

    private func schema(ofPlain keyword: SchemaKeyword) -> JSONValue {
        switch keyword {
        case .type:
            let name: JSONValue = [
                "enum": ["array", "boolean", "integer", "null", "number", "object", "string"]
            ]
            return [
                "anyOf": [
                    name,
                    ["type": "array", "items": name, "minItems": 1, "uniqueItems": true],
                ]
            ]
        case .enum:
            return self <= .draft6
                ? ["type": "array", "minItems": 1, "uniqueItems": true] : ["type": "array"]
        case .const: return true
        case .minimum, .maximum: return ["type": "number"]
        case .exclusiveMinimum, .exclusiveMaximum:
            return ["type": self == .draft4 ? "boolean" : "number"]
        case .multipleOf:
            return self == .draft4
                ? ["type": "number", "minimum": 0, "exclusiveMinimum": true]
                : ["type": "number", "exclusiveMinimum": 0]
        case .pattern: return ["type": "string", "format": "regex"]
        case .uniqueItems: return ["type": "boolean"]
        case .required: return names
        case .dependentRequired: return ["type": "object", "additionalProperties": names]
        case .minLength, .maxLength, .minItems, .maxItems, .minContains, .maxContains,
            .minProperties, .maxProperties:
            return ["type": "integer", "minimum": 0]
        default: return ["type": "string"]
        }
    }

    /// A list of names.
    private var names: JSONValue {
        let names: JSONValue = [
            "type": "array", "items": ["type": "string"], "uniqueItems": true,
        ]
        guard self == .draft4, case .object(var object) = names else { return names }
        object["minItems"] = 1
        return .object(object)
    }
}
