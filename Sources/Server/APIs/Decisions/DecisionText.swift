// SPDX-License-Identifier: Apache-2.0

import JSON

/// Reads what texts of decisions are made of: a string, or parts of text and JSON.
enum DecisionText {
    /// The most bytes of a text that belongs to a question.
    static let maxBytes = 1 << 20

    /// What one part of JSON may be.
    private static let mostLevels = 32
    private static let mostValues = 10_000
    private static let mostJSONBytes = 256 << 10

    /// The instructions of a question, as one text.
    static func instructions(
        _ fields: FieldReader, _ limits: RequestLimits
    ) throws(FieldError) -> String {
        let parts = try parts(
            "instructions", fields, types: ["input_text", "input_json"], limits,
            maxBytes: maxBytes)
        return try fields.require("instructions", parts).joined(separator: "\n")
    }

    /// The texts of a field.
    ///
    /// - Parameters:
    ///   - key: the field.
    ///   - fields: the object that has it.
    ///   - types: which parts there may be.
    ///   - limits: how many.
    ///   - maxBytes: how long each text may be.
    /// - Returns: a text for each part, or nil if the field is absent.
    /// - Throws: `FieldError`, which names the part.
    static func parts(
        _ key: String, _ fields: FieldReader, types: [String], _ limits: RequestLimits,
        maxBytes: Int = .max
    ) throws(FieldError) -> [String]? {
        switch fields.value(key) {
        case nil: return nil
        case .string?:
            return try fields.string(key, maxCharacters: maxBytes).map { [$0] }
        case .array?: break
        case let value?:
            throw .wrongType(
                fields.path.appending(key), expected: "a string or an array of parts",
                found: value.kindName)
        }
        var texts: [String] = []
        for (value, path) in try fields.array(key, maxCount: limits.maxContentParts) ?? [] {
            let part = try FieldReader(value, at: path)
            let type = try part.require("type", part.string("type"))
            if type == "input_image" {
                throw .unsupported(path, reason: "this model takes text only; images are not read")
            }
            guard types.contains(type) else {
                throw .invalid(
                    path.appending("type"), expected: "one of \(FieldReader.list(types))")
            }
            try CacheFields.checkBreakpoint(part)
            switch type {
            case "input_json": texts.append(try json(part))
            case "refusal": texts.append(try part.require("refusal", part.string("refusal")))
            default:
                texts.append(
                    try part.require("text", part.string("text", maxCharacters: maxBytes)))
            }
        }
        return texts
    }

    /// The compact text of an object, or of an array of objects.
    private static func json(_ part: FieldReader) throws(FieldError) -> String {
        let data = try part.require("data", part.value("data"))
        let path = part.path.appending("data")
        switch data {
        case .object: break
        case .array(let values):
            for (index, value) in values.enumerated() {
                guard case .object = value else {
                    throw .wrongType(
                        path.appending(index), expected: "an object", found: value.kindName)
                }
            }
        default:
            throw .wrongType(
                path, expected: "an object or an array of objects", found: data.kindName)
        }
        var count = 0
        guard isSmall(data, depth: 1, &count) else {
            throw .invalid(
                path, expected: "at most \(mostLevels) levels and \(mostValues) values")
        }
        let text = data.serialized()
        guard text.utf8.count <= mostJSONBytes else {
            throw .invalid(path, expected: "at most \(mostJSONBytes) bytes of JSON")
        }
        return text
    }

    private static func isSmall(_ value: JSONValue, depth: Int, _ count: inout Int) -> Bool {
        count += 1
        guard count <= mostValues else { return false }
        switch value {
        case .array(let values):
            guard depth <= mostLevels else { return false }
            for value in values where !isSmall(value, depth: depth + 1, &count) { return false }
        case .object(let object):
            guard depth <= mostLevels else { return false }
            for (_, value) in object where !isSmall(value, depth: depth + 1, &count) {
                return false
            }
        default: break
        }
        return true
    }
}
