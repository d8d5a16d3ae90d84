// SPDX-License-Identifier: Apache-2.0

import JSON

/// What a client takes for likely to be in the answer, such as the file that is to be changed: it makes
/// the answer come sooner where it is right, and no other.
enum PredictionField {
    private static let type = Field.choice("type", of: ["content"], "What it is.")
    private static let partType = Field.choice("type", of: ["text"], "What it is.")
    private static let text = Field.string("text", "A part of it.")
    private static let part = FieldList {
        partType
        text
    }
    private static let content = Field.value(
        "content",
        .either([.string(), .array(of: .object(part), maxCount: { _ in mostParts }), .null]),
        "The text, whole or in parts.")
    private static let mostParts = 4_096

    /// The field.
    static let prediction = Field.object(
        "prediction",
        of: FieldList {
            type
            content
        }, "What is likely to be in the answer; where it is, the answer comes sooner.")

    /// The text that is predicted; nil for none.
    static func read(_ fields: FieldReader) throws(FieldError) -> String? {
        guard let prediction = try fields.read(prediction) else { return nil }
        _ = try prediction.read(type)
        guard let value = try prediction.read(content) else { return nil }
        let path = prediction.path.appending("content")
        guard let parts = value.arrayValue else { return try FieldReader.string(value, at: path) }
        var whole = ""
        for (value, path) in try FieldReader.elements(of: parts, at: path, maxCount: mostParts) {
            let part = try FieldReader(value, at: path, by: fields.rules)
            _ = try part.read(partType)
            whole += try part.read(text) ?? ""
        }
        return whole
    }
}
