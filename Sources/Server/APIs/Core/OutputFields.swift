// SPDX-License-Identifier: Apache-2.0

import JSON
package import Recognition

/// What a request says of the text that answers.
package struct RequestedOutput: Hashable, Sendable {
    /// What the text must look like.
    package var structure: Structure

    /// The member that says so.
    package var path: FieldPath
}

/// Reads what a request says of the text that answers, by the names of all servers.
///
/// `response_format` is OpenAI's and Mistral's, `structured_outputs` and `guided_…` are vLLM's, and
/// `grammar` and `json_schema` llama-server's.
enum OutputFields {
    /// The names, in the order in which they are read.
    static let names = [
        "response_format", "structured_outputs", "guided_json", "guided_regex", "guided_choice",
        "guided_grammar", "guided_json_object", "grammar", "json_schema",
    ]

    /// The declarations of all of them.
    static let list = FieldList {
        FieldDeclaration(
            "response_format",
            .object {
                FieldDeclaration(
                    "type", .choice(["text", "json_object", "json_schema", "structural_tag"]),
                    "What the text must be."
                ).required
                FieldDeclaration(
                    "json_schema",
                    .object {
                        FieldDeclaration("name", .string(maxBytes: 256), "What it is called.")
                            .required
                        FieldDeclaration("description", .string(), "Taken; not read.")
                        FieldDeclaration("strict", .boolean, "Taken; every schema is kept to.")
                        FieldDeclaration("schema", .either([.schema, .string()]), "The schema.")
                            .required
                    }, "A schema that the text is held to."
                ).beside(["type": "json_schema"])
                FieldDeclaration(
                    "schema", .either([.schema, .string()]), "llama-server's place for a schema."
                ).beside(["type": "json_object"])
            }, "What the text of the answer must be."
        ).example(["type": "text"])
        FieldDeclaration("structured_outputs", .object(structuredOutputs), "vLLM's name of it.")
            .example([:])
        FieldDeclaration("guided_json", .either([.schema, .string()]), "vLLM's older names.")
            .example(["type": "object"])
        FieldDeclaration("guided_regex", .string(), "An expression that the text matches.")
        FieldDeclaration("guided_choice", choice, "Texts of which the answer is one.")
        FieldDeclaration("guided_grammar", .string(), "A grammar that the text is of.")
            .example(#"root ::= "a""#)
        FieldDeclaration("guided_json_object", .boolean, "Whether the text is a JSON object.")
        FieldDeclaration("grammar", .string(), "A grammar that the text is of (llama-server).")
            .example(#"root ::= "a""#)
        FieldDeclaration("json_schema", .either([.schema, .string()]), "A schema (llama-server).")
            .example(["type": "object"])
        refusals.sorted { $0.key < $1.key }.map {
            FieldDeclaration.refused($0.key, reason: $0.value)
        }
    }

    /// The declarations of all of them where an answer's text cannot be held to anything.
    static func refused(reason: String) -> [FieldDeclaration] {
        let neutral: [String: JSONValue] = [
            "response_format": ["type": "text"], "structured_outputs": [:],
            "guided_json_object": false, "grammar": "", "json_schema": [:],
        ]
        return names.map { name in
            .refused(name, neutral: neutral[name].map { [$0] } ?? [], reason: reason)
        } + refusals.sorted { $0.key < $1.key }.map { .refused($0.key, reason: $0.value) }
    }

    private static let structuredOutputs = FieldList {
        FieldDeclaration("json", .either([.schema, .string()]), "A schema of the text.")
            .example(["type": "object"])
        FieldDeclaration("json_object", .boolean, "Whether the text is any JSON object.")
        FieldDeclaration("regex", .string(), "An expression that the text matches.")
        FieldDeclaration("choice", choice, "Texts of which the answer is one.")
        FieldDeclaration("grammar", .string(), "A grammar that the text is of.")
            .example(#"root ::= "a""#)
        FieldDeclaration("structural_tag", .any, "Free text in which tags begin forms.")
            .example(["type": "structural_tag", "format": ["type": "any_text"]])
        FieldDeclaration.refused("whitespace_pattern", reason: whitespace)
        FieldDeclaration.refused("disable_additional_properties", reason: additionalProperties)
        FieldDeclaration("disable_any_whitespace", .boolean, "Taken; there is never much.")
    }

    private static let choice = FieldKind.array(
        of: .string(), minCount: 1, maxCount: { _ in maxChoices })
    private static let whitespace = "white space in JSON is one space or none; leave it out"
    private static let additionalProperties =
        "not supported; put additionalProperties: false into the schema"

    /// The most choices of a list, and the most bytes of all of them together.
    private static let maxChoices = 65_536

    /// What the names say together.
    ///
    /// - Returns: the form of the text; nil for any text.
    /// - Throws: `FieldError`, which names the member that is wrong, or both of those that disagree.
    static func read(_ fields: FieldReader) throws(FieldError) -> RequestedOutput? {
        var found: RequestedOutput?
        for name in names {
            guard let output = try read(name, fields) else { continue }
            if let found, found.structure != output.structure {
                throw .invalid(
                    output.path,
                    expected: "nothing here, for \(found.path) says something else already")
            }
            found = found ?? output
        }
        for name in ["guided_whitespace_pattern", "grammar_lazy", "grammar_triggers"] {
            try fields.refuse(name, reason: refusals[name] ?? "not supported")
        }
        return found
    }

    /// Refuses all of them, where an answer's text cannot be held to anything.
    static func refuse(_ fields: FieldReader, reason: String) throws(FieldError) {
        guard let output = try read(fields) else { return }
        throw .unsupported(output.path, reason: reason)
    }

    private static let refusals = [
        "guided_whitespace_pattern": whitespace,
        "grammar_lazy": "a grammar holds from the first token; leave it out",
        "grammar_triggers": "a grammar holds from the first token; use tools or structural_tag",
    ]

    private static func read(
        _ name: String, _ fields: FieldReader
    ) throws(FieldError) -> RequestedOutput? {
        let path = fields.path.appending(name)
        switch name {
        case "response_format":
            guard let format = try fields.object(name) else { return nil }
            return try responseFormat(format)
        case "structured_outputs":
            return try fields.object(name).flatMap(structuredOutputs)
        case "json_schema":
            // Clients that cannot leave the field out send an empty object.
            guard let value = fields.value(name), !value.asksForNothing else { return nil }
            return RequestedOutput(structure: .schema(try schema(value, at: path)), path: path)
        case "grammar":
            guard fields.value(name)?.asksForNothing == false else { return nil }
            return try kind("grammar", fields)
        default:
            return try kind(name.replacing("guided_", with: ""), fields, named: name)
        }
    }

    // MARK: OpenAI's and Mistral's

    /// Reads a `response_format`, or where all stands beside `type`, the `text.format` of Responses.
    static func responseFormat(
        _ format: FieldReader, isFlat: Bool = false
    ) throws(FieldError) -> RequestedOutput? {
        let type = try format.require(
            "type",
            format.string(
                "type", oneOf: ["text", "json_object", "json_schema", "structural_tag"]))
        switch type {
        case "json_schema":
            let inner = try format.object("json_schema")
            let container = isFlat ? inner ?? format : try format.require("json_schema", inner)
            _ = try container.require("name", container.string("name", maxCharacters: 256))
            _ = try container.string("description")
            // Both are kept to in the same way.
            _ = try container.bool("strict")
            return try nested("schema", of: container)
        case "json_object":
            // llama-server takes a schema here.
            if format.value("schema") != nil { return try nested("schema", of: format) }
            return RequestedOutput(structure: .anyObject, path: format.path.appending("type"))
        case "structural_tag":
            return RequestedOutput(
                structure: try structuralTag(.object(format.object), at: format.path),
                path: format.path)
        default: return nil
        }
    }

    private static func nested(
        _ key: String, of fields: FieldReader
    ) throws(FieldError) -> RequestedOutput {
        let path = fields.path.appending(key)
        let value = try fields.require(key, fields.value(key))
        return RequestedOutput(structure: .schema(try schema(value, at: path)), path: path)
    }

    // MARK: vLLM's

    private static func structuredOutputs(
        _ fields: FieldReader
    ) throws(FieldError) -> RequestedOutput? {
        var found: RequestedOutput?
        for name in ["json", "json_object", "regex", "choice", "grammar", "structural_tag"] {
            guard let output = try kind(name, fields) else { continue }
            if let found {
                throw .invalid(output.path, expected: "nothing here, for \(found.path) is there")
            }
            found = output
        }
        try fields.refuse("whitespace_pattern", reason: whitespace)
        try fields.refuse("disable_additional_properties", reason: additionalProperties)
        _ = try fields.bool("disable_any_whitespace")
        if found == nil, let name = fields.object.keys.first(where: { !options.contains($0) }) {
            throw .unsupported(
                fields.path.appending(name),
                reason: "not known; use json, json_object, regex, choice, grammar or "
                    + "structural_tag")
        }
        return found
    }

    /// Members of `structured_outputs` that say how and not what.
    private static let options: Set<String> = [
        "json", "json_object", "regex", "choice", "grammar", "structural_tag", "backend",
        "whitespace_pattern", "disable_any_whitespace", "disable_additional_properties",
        "disable_fallback", "_backend", "_backend_was_auto",
    ]

    /// One of vLLM's kinds of constraint.
    private static func kind(
        _ kind: String, _ fields: FieldReader, named name: String? = nil
    ) throws(FieldError) -> RequestedOutput? {
        let name = name ?? kind
        let path = fields.path.appending(name)
        guard let value = fields.value(name) else { return nil }
        let structure: Structure
        switch kind {
        case "json": structure = .schema(try schema(value, at: path))
        case "json_object":
            guard try fields.bool(name) == true else { return nil }
            structure = .anyObject
        case "regex":
            structure = .expression(try fields.require(name, fields.string(name)))
        case "grammar": structure = .grammar(try fields.require(name, fields.string(name)))
        case "choice": structure = .choice(try choices(name, fields))
        default:
            structure = try structuralTag(parsed(value, at: path), at: path)
        }
        return RequestedOutput(structure: structure, path: path)
    }

    private static func choices(
        _ name: String, _ fields: FieldReader
    ) throws(FieldError) -> [Structure] {
        var choices: [Structure] = []
        for (value, path) in try fields.array(name, maxCount: maxChoices) ?? [] {
            guard case .string(let text) = value else {
                throw .wrongType(path, expected: "a string", found: value.kindName)
            }
            choices.append(.literal(text))
        }
        if choices.isEmpty {
            throw .invalid(fields.path.appending(name), expected: "at least one string")
        }
        return choices
    }

    /// Free text in which tags begin forms (xgrammar's, which vLLM and SGLang take).
    private static func structuralTag(
        _ value: JSONValue, at path: FieldPath
    ) throws(FieldError) -> Structure {
        do throws(RecognitionError) {
            return try StructuralTag.structure(of: value)
        } catch {
            throw FieldError(error, in: path)
        }
    }

    /// A schema, which some clients send as a text of JSON.
    static func schema(_ value: JSONValue, at path: FieldPath) throws(FieldError) -> JSONValue {
        let schema = try parsed(value, at: path)
        switch schema {
        case .object, .bool: return schema
        default:
            throw .wrongType(
                path, expected: "a JSON Schema: an object", found: schema.kindName)
        }
    }

    /// A value, which may be written as a text of JSON.
    private static func parsed(
        _ value: JSONValue, at path: FieldPath
    ) throws(FieldError) -> JSONValue {
        guard case .string(let text) = value else { return value }
        do {
            return try JSONParser.parse(
                text,
                limits: .init(
                    maxDepth: 64, maxValues: 1 << 20, replacesLoneSurrogates: true,
                    keepsDigits: true))
        } catch {
            throw .invalid(
                path,
                expected: "an object, or its JSON text ("
                    + EchoableText.sentence(error.description) + ")")
        }
    }
}
