// SPDX-License-Identifier: Apache-2.0

import JSON

/// Fields that every generating endpoint takes and that do not change an answer.
enum HintFields {
    private static let texts = [
        ("user", "Who asks, in the client's own words."),
        ("safety_identifier", "Who asks, in the client's own words."),
        ("service_tier", "Taken; there is one."),
    ].map { Field.string($0.0, maxBytes: 4096, $0.1) }
    private static let metadata = Field.map("metadata", of: .any, "Taken; kept nowhere.")
    private static let verbosity = Field.choice(
        "verbosity", of: ["low", "medium", "high"], "Taken; models here know no degrees of it.")
    private static let modalities = Field.array(
        "modalities", of: .choice(["text"]), maxCount: { _ in 8 }, "What an answer is made of.")

    /// All of them.
    static let list = FieldList {
        texts.map(\.declaration)
        metadata
        verbosity
        modalities
    }

    /// Checks their types.
    static func check(_ fields: FieldReader) throws(FieldError) {
        for text in texts { _ = try fields.read(text) }
        _ = try fields.read(metadata)
        _ = try fields.read(verbosity)
        for (value, path) in try fields.read(modalities) ?? [] where value != "text" {
            throw .unsupported(path, reason: "this model answers with text only")
        }
    }
}
