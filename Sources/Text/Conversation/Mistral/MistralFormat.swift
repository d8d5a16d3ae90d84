// SPDX-License-Identifier: Apache-2.0

package import JSON
package import Tokenization

/// The versions of Mistral's instruct format, which are made of tokens rather than of text.
///
/// A format says the same over a SentencePiece and a tekken vocabulary; the tokenizer differs.
/// - Source: mistral-common 1.13 `tokens/tokenizers/instruct.py`, `protocol/instruct/normalize.py`.
package enum MistralFormat: String, Sendable, CaseIterable {
    /// `[INST] … [/INST]` as plain text; the system prompt in the first user message; no tools.
    case v1

    /// Control tokens; the system prompt in the last user message; tools, but none in the history.
    case v2

    /// As v2, with the identities of tool calls and all tools of the history.
    case v3

    /// As v3, with system messages of their own and tool results as text.
    case v7

    /// As v7, with each tool call after control tokens of its own.
    case v11

    /// As v11, with the tools before the first user message and without identities of calls.
    case v13

    /// As v13, with the model's settings before the first user message.
    case v15

    /// The format of a name such as `v3`, `v3-tekken`, `mistral-v7` or `v7m1`.
    package init?(named name: String) {
        var version = name.lowercased()[...]
        if version.hasPrefix("mistral-") { version = version.dropFirst(8) }
        if version.hasSuffix("-tekken") { version = version.dropLast(7) }
        if let image = version.firstIndex(of: "m") { version = version[..<image] }
        self.init(rawValue: String(version))
    }

    /// The newest format whose control tokens the vocabulary has, if it has `[INST]` at all.
    ///
    /// Version 1 has no control tokens and so is never found, nor is v13, which has those of v11.
    ///
    /// - Parameter tokenizer: the model's vocabulary.
    /// - Returns: the format, or nil for other models.
    package static func detected(in tokenizer: any Tokenizer) -> MistralFormat? {
        func has(_ name: String) -> Bool { tokenizer.id(ofControl: name) != nil }
        guard has("[INST]"), has("[/INST]") else { return nil }
        if has("[MODEL_SETTINGS]") { return .v15 }
        if has("[ARGS]") { return has("[CALL_ID]") ? .v11 : .v13 }
        // Tekken vocabularies of v3 name the tokens of v7 already, so that these prove nothing.
        if has("[SYSTEM_PROMPT]"), !has("<pad>") { return .v7 }
        return has("[TOOL_CALLS]") && !has("[PREFIX]") ? .v2 : .v3
    }

    /// The control tokens without which no conversation can be written.
    var neededTokens: [String] {
        switch self {
        case .v1: []
        case .v2, .v3: ["[INST]", "[/INST]"]
        case .v7, .v11, .v13: ["[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"]
        case .v15:
            [
                "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[MODEL_SETTINGS]",
                "[/MODEL_SETTINGS]",
            ]
        }
    }

    /// Whether system messages stand where they are, and not in a user message.
    var hasSystemTurns: Bool { ![.v1, .v2, .v3].contains(self) }

    /// Whether tools stand before the first user message, calls and results have no identities, and
    /// there are tokens for thinking.
    var isLate: Bool { self == .v13 || self == .v15 }

    /// Whether the format has tokens for tools.
    package var supportsTools: Bool { self != .v1 }

    /// The ids of a conversation, up to where the assistant goes on.
    ///
    /// Any order of roles is accepted: neighbours of one role are joined, an empty user message is
    /// put before a conversation that begins with another role where the format needs one, and an
    /// assistant's message at the end is left open if it is a prefix.
    ///
    /// - Parameters:
    ///   - messages: the conversation.
    ///   - tools: the tools' definitions, as OpenAI spells them.
    ///   - tokenizer: the model's vocabulary.
    ///   - settings: the model's settings, for v15.
    ///   - leavesFinalOpen: whether an assistant's message at the end is a prefix in any case.
    ///   - limit: how many ids there may be.
    /// - Returns: token ids, the first of which is BOS.
    /// - Throws: `ConversationError` where the format or the vocabulary lacks what is needed.
    package func encode(
        messages: [Message], tools: [JSONValue] = [], tokenizer: any Tokenizer,
        settings: JSONObject = [:], leavesFinalOpen: Bool = false, limit: Int = .max
    ) throws(ConversationError) -> [Int32] {
        guard supportsTools || tools.isEmpty else { throw .unsupported("tools") }
        var writer = try MistralPromptWriter(format: self, tokenizer: tokenizer, limit: limit)
        let turns = MistralConversation(messages, format: self, leavesFinalOpen: leavesFinalOpen)
        try writer.write(turns, tools: tools, settings: settings)
        return writer.ids
    }

    /// The ids that ask for what stands between two texts.
    ///
    /// - Parameters:
    ///   - prompt: the text before.
    ///   - suffix: the text after, if any.
    ///   - tokenizer: the model's vocabulary.
    ///   - limit: how many ids there may be.
    /// - Returns: `BOS [SUFFIX] suffix [PREFIX] prompt`.
    /// - Throws: `ConversationError` if the vocabulary lacks these tokens.
    package static func encodeInfilling(
        prompt: String, suffix: String?, tokenizer: any Tokenizer, limit: Int = .max
    ) throws(ConversationError) -> [Int32] {
        var ids: [Int32] = []
        guard let bos = tokenizer.bosTokenID else { throw .missingControlToken("<s>") }
        guard let suffixToken = tokenizer.id(ofControl: "[SUFFIX]") else {
            throw .missingControlToken("[SUFFIX]")
        }
        guard let prefixToken = tokenizer.id(ofControl: "[PREFIX]") else {
            throw .missingControlToken("[PREFIX]")
        }
        ids = [bos, suffixToken]
        if let suffix, !suffix.isEmpty {
            // A character in front takes the space that SentencePiece puts before a text.
            let guardCount = tokenizer.encode("☺", addSpecial: false).count
            ids += try encode("☺" + suffix, tokenizer, ids, limit).dropFirst(guardCount)
        }
        ids.append(prefixToken)
        return ids + (try encode(prompt, tokenizer, ids, limit))
    }

    /// The ids of a text after others, of which there may be so many together.
    static func encode(
        _ text: String, _ tokenizer: any Tokenizer, _ before: [Int32], _ limit: Int
    ) throws(ConversationError) -> [Int32] {
        do throws(TokenLimitError) {
            return try tokenizer.encode(
                text, addSpecial: false, limit: max(0, limit - before.count))
        } catch {
            throw .tooLong(TokenLimitError(leastCount: before.count + error.leastCount))
        }
    }
}
