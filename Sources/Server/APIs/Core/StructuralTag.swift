// SPDX-License-Identifier: Apache-2.0

import JSON
import Recognition

/// Reads structural tags, by which xgrammar, vLLM and SGLang say that a text is free up to marks
/// between which it has a form.
enum StructuralTag {
    /// How deep elements may stand in each other; a body nests less.
    private static let maxDepth = 64
    private static let maxElements = 4096

    /// The structure of the older form, `structures` and `triggers`, or of the newer, `format`.
    static func structure(_ fields: FieldReader) throws(FieldError) -> Structure {
        if let format = try fields.object("format") {
            return try element(format, isWithin: nil, depth: 0)
        }
        let triggers = try triggers(fields)
        var tags: [Tag] = []
        for (value, path) in try fields.require(
            "structures", fields.array("structures", maxCount: maxElements))
        {
            let tag = try FieldReader(value, at: path)
            let schema = try tag.require("schema", tag.value("schema"))
            tags.append(
                Tag(
                    begin: try tag.require("begin", tag.string("begin")),
                    content: .schema(
                        try OutputFields.schema(schema, at: path.appending("schema"))),
                    end: try tag.require("end", tag.string("end")), path: path))
        }
        return try triggered(
            tags, by: triggers, at: fields.path.appending("structures"), atLeastOne: false,
            stopsAfterFirst: false, isWithin: nil)
    }

    private struct Tag {
        let begin: String
        let content: Structure
        let end: String
        let path: FieldPath

        var structure: Structure { .sequence([.literal(begin), content, .literal(end)]) }
    }

    private static func triggers(_ fields: FieldReader) throws(FieldError) -> [String] {
        var triggers: [String] = []
        for (value, path) in try fields.require(
            "triggers", fields.array("triggers", maxCount: maxElements))
        {
            guard case .string(let text) = value, !text.isEmpty else {
                throw .wrongType(path, expected: "a text", found: value.kindName)
            }
            triggers.append(text)
        }
        if triggers.isEmpty {
            throw .invalid(fields.path.appending("triggers"), expected: "at least one text")
        }
        return triggers
    }

    /// What an element stands for; `end` is what ends the one around it, nil where the text may end.
    private static func element(
        _ fields: FieldReader, isWithin end: String?, depth: Int
    ) throws(FieldError) -> Structure {
        guard depth < maxDepth else {
            throw .invalid(fields.path, expected: "at most \(maxDepth) elements in each other")
        }
        let type = try fields.require("type", fields.string("type"))
        switch type {
        case "const_string": return .literal(try fields.require("value", fields.string("value")))
        case "json_schema":
            let style = try fields.string("style") ?? "json"
            guard style == "json" else {
                throw .unsupported(fields.path.appending("style"), reason: "only 'json' is known")
            }
            let schema = try fields.require("json_schema", fields.value("json_schema"))
            return .schema(
                try OutputFields.schema(schema, at: fields.path.appending("json_schema")))
        case "regex": return .expression(try fields.require("pattern", fields.string("pattern")))
        case "grammar": return .grammar(try fields.require("grammar", fields.string("grammar")))
        case "any_text": return .freeText(until: end.map { [$0] } ?? [], orControls: [])
        case "sequence": return try sequence(fields, isWithin: end, depth: depth)
        case "or":
            var choices: [Structure] = []
            for element in try elements("elements", fields) {
                choices.append(try Self.element(element, isWithin: end, depth: depth + 1))
            }
            return .choice(choices)
        case "tag": return try tag(fields, depth: depth).structure
        case "triggered_tags":
            return try triggered(
                try tags(fields, depth: depth), by: triggers(fields),
                at: fields.path.appending("tags"),
                atLeastOne: try fields.bool("at_least_one") ?? false,
                stopsAfterFirst: try fields.bool("stop_after_first") ?? false, isWithin: end)
        case "tags_with_separator": return try separated(fields, depth: depth)
        default:
            throw .unsupported(
                fields.path.appending("type"),
                reason: "elements of type '\(EchoableText.of(type))' are not supported")
        }
    }

    private static func elements(
        _ key: String, _ fields: FieldReader
    ) throws(FieldError) -> [FieldReader] {
        var elements: [FieldReader] = []
        for (value, path) in try fields.require(key, fields.array(key, maxCount: maxElements)) {
            elements.append(try FieldReader(value, at: path))
        }
        if elements.isEmpty {
            throw .invalid(fields.path.appending(key), expected: "at least one element")
        }
        return elements
    }

    /// One after the other; free text ends where the text begins that stands next.
    private static func sequence(
        _ fields: FieldReader, isWithin end: String?, depth: Int
    ) throws(FieldError) -> Structure {
        let elements = try elements("elements", fields)
        var sequence: [Structure] = []
        for (index, element) in elements.enumerated() {
            let isLast = index == elements.count - 1
            let next = isLast ? end : try beginning(of: elements[index + 1])
            let isFree = try ["any_text", "triggered_tags"].contains(element.string("type"))
            if !isLast, next == nil, isFree {
                throw .unsupported(
                    element.path,
                    reason: "free text must stand last, or before a const_string or a tag")
            }
            sequence.append(try Self.element(element, isWithin: next, depth: depth + 1))
        }
        return .sequence(sequence)
    }

    private static func beginning(of element: FieldReader) throws(FieldError) -> String? {
        switch try element.string("type") {
        case "const_string"?: try element.string("value")
        case "tag"?: try element.string("begin")
        default: nil
        }
    }

    private static func tag(_ fields: FieldReader, depth: Int) throws(FieldError) -> Tag {
        let begin = try fields.require("begin", fields.string("begin"))
        let end = try fields.require("end", fields.string("end"))
        let content = try fields.require("content", fields.object("content"))
        return Tag(
            begin: begin,
            content: try element(content, isWithin: end.isEmpty ? nil : end, depth: depth + 1),
            end: end, path: fields.path)
    }

    private static func tags(_ fields: FieldReader, depth: Int) throws(FieldError) -> [Tag] {
        var tags: [Tag] = []
        for element in try elements("tags", fields) {
            tags.append(try tag(element, depth: depth + 1))
        }
        return tags
    }

    /// Free text until a trigger, with which a tag begins.
    private static func triggered(
        _ tags: [Tag], by triggers: [String], at path: FieldPath, atLeastOne: Bool,
        stopsAfterFirst: Bool, isWithin end: String?
    ) throws(FieldError) -> Structure {
        if tags.isEmpty { throw .invalid(path, expected: "at least one tag") }
        for tag in tags where !triggers.contains(where: { tag.begin.hasPrefix($0) }) {
            throw .invalid(
                tag.path.appending("begin"), expected: "a text that begins with a trigger")
        }
        let tag = Structure.choice(tags.map(\.structure))
        let stops = triggers + (end.map { [$0] } ?? [])
        let free = Structure.freeText(until: stops, orControls: [])
        if stopsAfterFirst {
            return .sequence([free, .repetition(tag, least: atLeastOne ? 1 : 0, most: 1)])
        }
        // Free text may be empty, so tags may follow each other at once.
        let more = Structure.repetition(.sequence([tag, free]), least: 0, most: nil)
        return .sequence(atLeastOne ? [free, tag, free, more] : [free, more])
    }

    private static func separated(
        _ fields: FieldReader, depth: Int
    ) throws(FieldError) -> Structure {
        let tag = Structure.choice(try tags(fields, depth: depth).map(\.structure))
        let separator = Structure.literal(
            try fields.require("separator", fields.string("separator")))
        let stopsAfterFirst = try fields.bool("stop_after_first") ?? false
        let isNeeded = try fields.bool("at_least_one") ?? false
        let further = Structure.repetition(.sequence([separator, tag]), least: 0, most: nil)
        let all = stopsAfterFirst ? tag : Structure.sequence([tag, further])
        return isNeeded ? all : .repetition(all, least: 0, most: 1)
    }
}
