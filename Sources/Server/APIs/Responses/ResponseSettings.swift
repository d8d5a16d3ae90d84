// SPDX-License-Identifier: Apache-2.0

package import JSON

/// What a response repeats of its request, as the API's makers write it.
package struct ResponseSettings: Hashable, Sendable {
    /// The members, with what holds where the request does not say; those that only the model knows
    /// are null.
    package var members: JSONObject

    /// How thoughts shall be summarised; nil for not at all.
    package let summary: String?

    /// Reads what is repeated.
    ///
    /// - Parameters:
    ///   - fields: the body.
    ///   - calls: its tools.
    ///   - ignoredTypes: the types of tools that were left out.
    /// - Throws: `FieldError` for what is only repeated and of a wrong type.
    init(
        _ fields: FieldReader, _ calls: ToolFields, ignoring ignoredTypes: Set<String>
    ) throws(FieldError) {
        func value(_ key: String, or standard: JSONValue = .null) -> JSONValue {
            fields.value(key) ?? standard
        }
        let reasoning = try fields.read(ResponseFields.reasoning)
        let former = try reasoning?.read(ResponseFields.formerSummary)
        summary = try reasoning?.read(ResponseFields.summary) ?? former
        members = [
            "background": false,
            "instructions": value("instructions"),
            "max_output_tokens": value("max_output_tokens"),
            "max_tool_calls": value("max_tool_calls"),
            "metadata": .object(try Self.metadata(fields)),
            "parallel_tool_calls": value("parallel_tool_calls", or: true),
            "previous_response_id": fields.value("previous_response_id") == ""
                ? .null : value("previous_response_id"),
            "prompt_cache_key": value("prompt_cache_key"),
            "reasoning": [
                "effort": value("reasoning_effort", or: reasoning?.value("effort") ?? .null),
                "summary": summary.map { .string($0) } ?? .null,
            ],
            "safety_identifier": value("safety_identifier"),
            // There is only one.
            "service_tier": "default",
            "store": false,
            "temperature": value("temperature"),
            "text": try Self.text(fields),
            "tool_choice": try Self.choice(fields),
            "tools": .array(try Self.tools(fields, ignoring: ignoredTypes)),
            "top_logprobs": value("top_logprobs", or: 0),
            "top_p": value("top_p", or: 1),
            "truncation": value("truncation", or: "disabled"),
            "user": value("user"),
        ]
        if let key = fields.value("prompt_cache_retention") {
            members["prompt_cache_retention"] = key == "in-memory" ? "in_memory" : key
        }
    }

    /// What the client remembers by, which answers repeat.
    private static func metadata(_ fields: FieldReader) throws(FieldError) -> JSONObject {
        guard let metadata = try fields.read(ResponseFields.metadata) else { return [:] }
        guard metadata.object.count <= 16 else {
            throw .invalid(metadata.path, expected: "at most 16 members")
        }
        var texts: JSONObject = [:]
        for key in metadata.object.keys {
            texts[key] = try metadata.string(key, maxCharacters: 4096).map { .string($0) }
        }
        return texts
    }

    private static func text(_ fields: FieldReader) throws(FieldError) -> JSONValue {
        let text = try fields.read(ResponseFields.text)
        let format = try text?.object("format")
        var written: JSONObject = ["format": ["type": "text"]]
        if let format {
            written["format"] = .object(flat(format.object, within: "json_schema"))
        }
        written["verbosity"] = text?.value("verbosity") ?? "medium"
        return .object(written)
    }

    /// The choice as it stands flat, in one of the words that all clients know.
    private static func choice(_ fields: FieldReader) throws(FieldError) -> JSONValue {
        switch fields.value("tool_choice") {
        case nil: return "auto"
        case "any"?: return "required"
        case .object(let object)?:
            let type = object["type"]?.stringValue ?? "function"
            switch type {
            case "auto", "none", "required": return .string(type)
            case "any": return "required"
            default:
                var choice = flat(object, within: type)
                choice["type"] = .string(type)
                return .object(choice)
            }
        case let value?: return value
        }
    }

    private static func tools(
        _ fields: FieldReader, ignoring ignoredTypes: Set<String>
    ) throws(FieldError) -> [JSONValue] {
        guard case .array(let tools)? = fields.value("tools") else { return [] }
        return tools.compactMap { tool in
            guard let object = tool.objectValue else { return nil }
            let type = object["type"]?.stringValue ?? "function"
            if ignoredTypes.contains(type) { return nil }
            var written = flat(object, within: type)
            written["type"] = .string(type)
            // Arguments are always kept to their schema.
            if type == "function", written["strict"] == nil { written["strict"] = true }
            if type == "namespace", written["description"] == nil { written["description"] = "" }
            return .object(written)
        }
    }

    /// An object without the member that others have all the rest in.
    private static func flat(_ object: JSONObject, within key: String) -> JSONObject {
        guard let inner = object[key]?.objectValue else { return object }
        var flat = object
        flat[key] = nil
        for (key, value) in inner { flat[key] = value }
        return flat
    }
}
