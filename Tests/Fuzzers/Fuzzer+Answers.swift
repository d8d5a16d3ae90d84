// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import Conversation
import ConversationSupport
import Tokenization

extension Fuzzer {
    /// Answers in the format that the first byte chooses: they are read the same however their
    /// tokens arrive.
    static let answers = Fuzzer("answers") { input in
        let formats = try formats.get()
        guard let first = input.first else { return nil }
        let format = formats[Int(first) % formats.count]
        var plan = AnswerPlan()
        plan.seed = 0
        plan.tools = [Tool(name: "f"), Tool(name: "g"), Tool(name: "c", input: .text)]
        let tokens = tokenizer.encode([.templated(Array(input.dropFirst()).text)])
        let whole = AnswerReading.pieces(of: tokens, format, plan, tokenizer) { _ in .max }
        for size in [1, 3] {
            let pieces = AnswerReading.pieces(of: tokens, format, plan, tokenizer) { _ in size }
            if pieces != whole {
                return "\(format.name) reads differently by \(size) tokens at a time"
            }
        }
        return nil
    }

    private static let formats = Result { try AnswerFormats.names.map(format) }

    /// A format by its name, of a model that thinks.
    private static func format(_ name: String) throws -> any AnswerFormat {
        let prompts = PromptEncoder(
            tokenizer: tokenizer,
            format: try PromptFormat.choose(
                setting: "chatml", .init(), tokenizer: tokenizer
            ).format)
        return try AnswerFormats.choose(
            setting: name, prompts: prompts, tokenizer: tokenizer
        ).format
    }

    /// A vocabulary in which the marks of all formats are tokens.
    private static let tokenizer = ByteTokenizer(controls: [
        "<s>", "</s>", "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "[THINK]", "[/THINK]",
        "<think>", "</think>", "<tool_call>", "</tool_call>", "<|python_tag|>",
        "<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|call|>", "<|return|>",
        "<|constrain|>", "<|tool_call>", "<tool_call|>", "<|\"|>", "<|channel>", "<channel|>",
        "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", "<|tool_call_begin|>",
        "<|tool_call_end|>", "<|tool_call_argument_begin|>", "<｜tool▁calls▁begin｜>",
        "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>",
        "<|tool_call|>", "<|START_ACTION|>", "<|END_ACTION|>", "<|START_THINKING|>",
        "<|END_THINKING|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>",
    ])
}
