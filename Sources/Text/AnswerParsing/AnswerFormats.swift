// SPDX-License-Identifier: Apache-2.0

package import Conversation
package import Tokenization

/// The formats of answers, and which of them a model has.
package enum AnswerFormats {
    /// A format with the prompts that go with it.
    package struct Choice: Sendable {
        /// How answers are read and constrained.
        package let format: any AnswerFormat

        /// The encoder, which tells of tools in the system message where the format is `general`.
        package let prompts: PromptEncoder

        /// Why it was chosen, for the log and for `inspect`.
        package let reason: String
    }

    /// A name that is no format.
    package struct UnknownFormat: Error, CustomStringConvertible {
        /// The name.
        package let name: String

        /// One line, with the names that there are.
        package var description: String {
            "unknown answer format '\(name)'; there are \(AnswerFormats.names.joined(separator: ", "))"
        }
    }

    /// The name of the format for models whose own way of calling is unknown.
    package static let general = "general"

    /// A format by its name, and how it is made with what a model thinks between.
    private typealias Entry = (name: String, make: @Sendable (ThinkingMarks?) -> any AnswerFormat)

    private static let entries: [Entry] = [
        ("general", { HermesFormat(name: "general", thinking: $0) }),
        ("hermes", { HermesFormat(thinking: $0) }),
        ("qwen-coder", { TaggedArgumentFormat(.qwenCoder, thinking: $0) }),
        ("glm", { TaggedArgumentFormat(.glm, thinking: $0) }),
        ("llama3", { LlamaFormat(thinking: $0) }),
        ("gpt-oss", { _ in HarmonyFormat() }),
        ("gemma4", { _ in GemmaFormat() }),
        ("kimi-k2", { SectionedCallFormat(.kimi, thinking: $0) }),
        ("deepseek-v3", { SectionedCallFormat(.deepSeekFenced, thinking: $0) }),
        ("deepseek-v3.1", { SectionedCallFormat(.deepSeek, thinking: $0) }),
        ("granite", { ListedCallFormat(.granite, thinking: $0) }),
        ("command-r", { ListedCallFormat(.commandR, thinking: $0) }),
        ("mistral-v2", { MistralAnswerFormat(version: .v2, thinking: $0) }),
        ("mistral-v3", { MistralAnswerFormat(version: .v3, thinking: $0) }),
        ("mistral-v7", { MistralAnswerFormat(version: .v7, thinking: $0) }),
        ("mistral-v11", { MistralAnswerFormat(version: .v11, thinking: $0) }),
        ("mistral-v13", { MistralAnswerFormat(version: .v13, thinking: $0) }),
        ("mistral-v15", { MistralAnswerFormat(version: .v15, thinking: $0) }),
    ]

    /// The names by which a manifest chooses a format.
    package static var names: [String] { entries.map(\.name) }

    /// Chooses the format of a model: a setting, else what its prompts show.
    ///
    /// - Parameters:
    ///   - setting: a format by name; nil or `auto` to look at the prompts.
    ///   - prompts: how the model's conversations are written.
    ///   - tokenizer: the model's vocabulary.
    /// - Returns: the format and the prompts that go with it.
    /// - Throws: `UnknownFormat` for a setting that names none.
    package static func choose(
        setting: String? = nil, prompts: PromptEncoder, tokenizer: any Tokenizer
    ) throws(UnknownFormat) -> Choice {
        let thinking = thinkingMarks(prompts, tokenizer)
        let name: String
        let reason: String
        if let setting, setting != "auto" {
            (name, reason) = (setting, "the manifest says so")
        } else {
            (name, reason) = detected(prompts)
        }
        guard let entry = entries.first(where: { $0.name == name }) else {
            throw UnknownFormat(name: name)
        }
        return Choice(
            format: entry.make(thinking),
            prompts: name == general ? prompts.describingTools() : prompts, reason: reason)
    }

    /// What a template's words say of the calls that it writes, the most telling ones first.
    private static let signs: [(name: String, words: [String])] = [
        ("mistral-v11", ["[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"]),
        ("mistral-v13", ["[TOOL_CALLS]", "[ARGS]"]),
        ("mistral-v3", ["[TOOL_CALLS]", "[TOOL_RESULTS]"]),
        ("kimi-k2", ["<|tool_calls_section_begin|>", "<|tool_call_argument_begin|>"]),
        ("deepseek-v3", ["<｜tool▁calls▁begin｜>", "<｜tool▁sep｜>", "```json"]),
        ("deepseek-v3.1", ["<｜tool▁calls▁begin｜>", "<｜tool▁sep｜>"]),
        ("command-r", ["<|START_ACTION|>", "<|END_ACTION|>", "tool_name"]),
        ("granite", ["<|start_of_role|>", "<|tool_call|>"]),
        ("gpt-oss", ["<|channel|>", "<|message|>", "<|start|>"]),
        ("gemma4", ["<|tool_call>", "<tool_call|>"]),
        ("glm", ["<tool_call>", "<arg_key>", "<arg_value>"]),
        ("qwen-coder", ["<tool_call>", "<function=", "<parameter="]),
        ("hermes", ["<tool_call>", "</tool_call>", "arguments"]),
        ("llama3", ["<|start_header_id|>", "\"parameters\": "]),
    ]

    private static func detected(_ prompts: PromptEncoder) -> (name: String, reason: String) {
        if case .mistral(let version) = prompts.format, version.supportsTools {
            return ("mistral-\(version.rawValue)", "the prompts are Mistral's \(version.rawValue)")
        }
        if prompts.describesTools { return (general, "the prompts have no place for tools") }
        if let source = prompts.toolTemplateSource {
            for sign in signs where sign.words.allSatisfy(source.contains) {
                return (sign.name, "the chat template has \(sign.words.joined(separator: " and "))")
            }
        }
        return (general, "the chat template's way of calling tools is unknown")
    }

    /// What the model thinks between; nil where nothing says that it thinks.
    private static func thinkingMarks(
        _ prompts: PromptEncoder, _ tokenizer: any Tokenizer
    ) -> ThinkingMarks? {
        for marks in [ThinkingMarks.mistral, .tags, .command] {
            let source = prompts.toolTemplateSource ?? ""
            if source.contains(marks.opening) || source.contains(marks.closing) { return marks }
            // The one token of a name is no other text's.
            if [marks.opening, marks.closing].allSatisfy({
                tokenizer.encode([.templated($0)]).count == 1
            }) {
                return marks
            }
        }
        // The first models that think had no tokens for it; others never write the tags.
        if case .mistral(.v11) = prompts.format { return .tags }
        return nil
    }
}
