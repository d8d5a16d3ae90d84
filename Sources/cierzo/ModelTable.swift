// SPDX-License-Identifier: Apache-2.0

/// Every key of an entry of `models` in the configuration file, as ``SettingTable`` has those of the
/// file itself.
package enum ModelTable {
    /// All rows, in the order of the file; a dot stands between a group and its keys.
    package static let rows: [SettingRow<ModelRecord>] = own + limits

    /// The settings that a model may have of its own.
    static let limitKeys = [
        "context", "rope-scaling", "max-sequences", "max-queue", "kv-memory", "kv-type",
        "block-size", "max-batch-tokens", "prefill-chunk",
    ]

    /// The row of a key.
    package static func row(_ key: String) -> SettingRow<ModelRecord>? {
        rows.first { $0.key == key }
    }

    /// What is known and not done: why.
    static let refused: [String: String] = Dictionary(
        uniqueKeysWithValues: ["lora", "lora-adapters", "lora-modules"].map {
            ($0, "its name 'adapters', with a list of NAME=PATH")
        })

    private static let own: [SettingRow<ModelRecord>] = [
        SettingRow(
            "path", \.path, .optional(.text), otherwise: SettingRow<ModelRecord>.required,
            example: "models/smollm2-135m-instruct-8x.json",
            "A manifest, a GGUF file, a file of `cierzo pack`, or a Hugging Face directory."),
        SettingRow(
            "name", \.name, .optional(.text), otherwise: "the model's", example: "small",
            "The name by which requests ask for it and that /v1/models shows."),
        SettingRow(
            "aliases", \.aliases, .texts(), otherwise: "none", example: "[tiny]",
            "Further names, besides the model's own."),
        SettingRow(
            "adapters", \.adapters, .texts(), otherwise: "none",
            example: "[support=adapters/support]",
            "LoRA adapters of it, NAME=PATH each: folders of PEFT's or GGUF files. Requests ask for "
                + "one by its name, or by MODEL:NAME."),
        SettingRow(
            "priority", \.priority, .number(1...1000),
            "How much of the processors' time it gets while other models compute, too, next to "
                + "their priorities."),
        SettingRow(
            "pinned", \.isPinned, .onOff,
            "Keep it in memory: it is loaded at the start and never makes room for others."),
        SettingRow(
            "defaults.temperature", \.temperature, .optional(.decimal(0...5)),
            otherwise: "what the model's makers advise", example: "0.3",
            "The temperature of requests that say none."),
        SettingRow(
            "defaults.max-tokens", \.maxTokens, .optional(.number(1...16_777_216, "tokens")),
            otherwise: "as many as the context holds", example: "2048",
            "The length of answers to requests that say none."),
    ]

    private static let limits: [SettingRow<ModelRecord>] = limitKeys.compactMap { key in
        SettingTable.row(key).map { row in
            SettingRow("limits.\(key)", like: row, \.limits[key: key], otherwise: "as for all")
        }
    }
}
