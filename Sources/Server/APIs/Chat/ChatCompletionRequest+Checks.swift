// SPDX-License-Identifier: Apache-2.0

import JSON

extension ChatCompletionRequest {
    /// Accepts plain text only; a constraint that cannot be kept is an error.
    static func checkResponseFormat(_ fields: FieldReader) throws(FieldError) {
        guard let format = try fields.object("response_format") else { return }
        let type = try format.require(
            "type", format.string("type", oneOf: ["text", "json_object", "json_schema"]))
        if type != "text" {
            throw .unsupported(
                format.path.appending("type"),
                reason: "'\(type)' is not supported by this server; only 'text' is")
        }
    }

    /// Checks the types of fields that do not change the answer.
    static func checkHints(_ fields: FieldReader) throws(FieldError) {
        for key in [
            "user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
            "service_tier",
        ] {
            _ = try fields.string(key, maxCharacters: 4096)
        }
        _ = try fields.object("metadata")
        _ = try fields.object("prediction")
        _ = try fields.string("verbosity", oneOf: ["low", "medium", "high"])
        for (value, path) in try fields.array("modalities", maxCount: 8) ?? []
        where value != .string("text") {
            throw .unsupported(path, reason: "this model answers with text only")
        }
    }

    static func refuseUnsupported(_ fields: FieldReader) throws(FieldError) {
        let hasFunctions = fields.value("functions").map { !$0.asksForNothing } ?? false
        let harmlessCalls: [JSONValue] = hasFunctions ? ["none"] : ["none", "auto"]
        if let call = fields.value("function_call"), !harmlessCalls.contains(call) {
            throw .unsupported(
                fields.path.appending("function_call"),
                reason: "deprecated and not supported; use tools and tool_choice")
        }
        try fields.refuse(
            "functions", reason: "deprecated and not supported; use tools and tool_choice")
        for key in ["audio", "web_search_options", "moderation", "guardrails", "prompt_mode"] {
            try fields.refuse(key, reason: "not supported by this server")
        }
        try fields.refuse("store", reason: "this server stores nothing; leave it out or false")
        try fields.refuse("echo", reason: "not supported for chat; use /v1/completions")
        if fields.value("best_of")?.doubleValue != 1 {
            try fields.refuse("best_of", reason: "not supported for chat; use n")
        }
        try fields.refuse(
            "add_special_tokens", reason: "not read here; the chat format has its own BOS")
        try fields.refuse("suffix", reason: "not supported for chat")
    }
}
