// SPDX-License-Identifier: Apache-2.0

package import JSON
package import Jinja
package import Tokenization

/// Turns conversations into the token ids of a model's prompt.
///
/// Text of messages, tools and extra variables never becomes control tokens; only the format's own
/// text does.
package struct PromptEncoder: Sendable {
    /// How the model wants its conversations written.
    package let format: PromptFormat

    /// Whether tools of a request can show in the prompt.
    package let takesTools: Bool

    private let tokenizer: any Tokenizer
    private let specialTokens: JSONObject
    private let limits: TemplateLimits
    private let style: MessageStyle
    /// The template for conversations with tools, and how it wants its messages.
    private let forTools: (template: ChatTemplate, style: MessageStyle)?

    /// An encoder for one model.
    ///
    /// - Parameters:
    ///   - tokenizer: the model's vocabulary.
    ///   - format: how conversations are written.
    ///   - toolTemplate: the template to use instead where a request has tools.
    ///   - specialTokens: what templates call `bos_token`, `eos_token` and the like; the first two
    ///     are taken from the vocabulary where they are not given.
    ///   - limits: bounds of rendering.
    package init(
        tokenizer: any Tokenizer, format: PromptFormat, toolTemplate: ChatTemplate? = nil,
        specialTokens: [String: String] = [:], limits: TemplateLimits = TemplateLimits()
    ) {
        self.tokenizer = tokenizer
        self.format = format
        self.limits = limits
        var vouched: JSONObject = [:]
        vouched["bos_token"] = .string(tokenizer.bosTokenID.map(tokenizer.piece(of:)) ?? "")
        vouched["eos_token"] = .string(tokenizer.eosTokenID.map(tokenizer.piece(of:)) ?? "")
        for (name, token) in specialTokens.sorted(by: { $0.key < $1.key }) {
            vouched[name] = .string(token)
        }
        self.specialTokens = vouched
        let forTools = toolTemplate.map { template in
            (template, Self.style(of: template, specialTokens: vouched, limits: limits))
        }
        self.forTools = forTools
        switch format {
        case .mistral(let format):
            style = MessageStyle()
            takesTools = format.supportsTools
        case .template(let template), .fallback(let template):
            style = Self.style(of: template, specialTokens: vouched, limits: limits)
            let (template, style) = forTools ?? (template, style)
            takesTools = Self.takesTools(
                template, style: style, specialTokens: vouched, limits: limits)
        }
    }

    /// How a template wants its messages, from its words and from what it makes of a message.
    private static func style(
        of template: ChatTemplate, specialTokens: JSONObject, limits: TemplateLimits
    ) -> MessageStyle {
        // Templates that insist on Mistral's identities of calls say so in their errors.
        var style = MessageStyle(
            shortensCallIDs: template.source.contains("alphanumeric")
                && template.source.contains("length"),
            knowsDevelopers: template.source.contains("developer"))
        let probe = "\u{E002}probe"
        func shows(_ style: MessageStyle) -> Bool {
            let renderer = PromptRenderer(
                template: template, style: style, specialTokens: specialTokens, limits: limits,
                tools: [], addGenerationPrompt: false, extra: [:])
            do {
                let segments = try renderer.segments([Message(.user, probe)], continuesLast: false)
                return segments.contains(.text(probe))
            } catch {
                return false
            }
        }
        var inParts = style
        inParts.usesParts = true
        if !shows(style), shows(inParts) { style = inParts }
        return style
    }

    /// Whether a template makes something of tools in any of some conversations.
    ///
    /// It counts as doing so where it refuses the conversation with them or without them, for then
    /// it looks at them, and where it refuses every conversation, for then nothing is known.
    private static func takesTools(
        _ template: ChatTemplate, style: MessageStyle, specialTokens: JSONObject,
        limits: TemplateLimits
    ) -> Bool {
        func segments(_ messages: [Message], _ tools: [JSONValue]) -> [PromptSegment]? {
            let renderer = PromptRenderer(
                template: template, style: style, specialTokens: specialTokens, limits: limits,
                tools: tools, addGenerationPrompt: true, extra: [:])
            do {
                return try renderer.segments(messages, continuesLast: false)
            } catch {
                return nil
            }
        }
        let tool: JSONValue = [
            "type": "function",
            "function": [
                "name": "probe", "description": "probe",
                "parameters": ["type": "object", "properties": [:]],
            ],
        ]
        let user = Message(.user, "probe")
        let conversations = [
            [user], [Message(.system, "probe"), user], [user, Message(.assistant, "probe"), user],
        ]
        var isKnown = false
        for messages in conversations {
            let (without, with) = (segments(messages, []), segments(messages, [tool]))
            if without != with { return true }
            if without != nil { isKnown = true }
        }
        return !isKnown
    }

    /// The ids of a conversation's prompt.
    ///
    /// Templates that refuse the order of roles are given the conversation again with neighbours
    /// of one role joined, then with the system message in the first user message, then with tools
    /// as text; an order of roles alone is never an error.
    ///
    /// - Parameters:
    ///   - messages: the conversation.
    ///   - tools: the tools' definitions, as OpenAI spells them.
    ///   - addGenerationPrompt: whether the prompt ends where the assistant begins to speak.
    ///   - continueFinal: whether the prompt ends inside the last message, which goes on.
    ///     A last message marked as prefix does so in any case.
    ///   - extra: further variables for the template, such as `enable_thinking`.
    ///   - limit: how many ids there may be; beyond it the text is not tokenized to its end.
    /// - Returns: token ids, BOS included where the vocabulary asks for it, never twice.
    /// - Throws: `ConversationError` with a reason that a client can act on.
    package func encode(
        messages: [Message], tools: [JSONValue] = [], addGenerationPrompt: Bool = true,
        continueFinal: Bool = false, extra: JSONObject = [:], limit: Int = .max
    ) throws(ConversationError) -> [Int32] {
        guard let last = messages.last else {
            throw .invalid("a conversation needs at least one message")
        }
        let continues = continueFinal || (last.role == .assistant && last.isPrefix)
        switch format {
        case .mistral(let format):
            // These formats have no tokens that open an assistant's turn, so that a last message
            // of the assistant is one to go on with whenever something is to be generated.
            return try format.encode(
                messages: style.completed(messages), tools: tools, tokenizer: tokenizer,
                leavesFinalOpen: continues || addGenerationPrompt, limit: limit)
        case .template(let template), .fallback(let template):
            let own = tools.isEmpty ? nil : forTools
            let renderer = PromptRenderer(
                template: own?.template ?? template, style: own?.style ?? style,
                specialTokens: specialTokens, limits: limits, tools: tools,
                addGenerationPrompt: addGenerationPrompt && !continues,
                extra: extra)
            let segments = try renderer.segments(messages, continuesLast: continues)
            do throws(TokenLimitError) {
                return withOneBOS(try tokenizer.encode(segments, limit: limit))
            } catch {
                throw .tooLong(error)
            }
        }
    }

    /// The ids with exactly one BOS in front, where the vocabulary asks for one.
    private func withOneBOS(_ ids: [Int32]) -> [Int32] {
        guard let bos = tokenizer.bosTokenID else { return ids }
        var ids = ids
        ids.removeFirst(max(0, ids.prefix { $0 == bos }.count - 1))
        if tokenizer.addsBOS, ids.first != bos { ids.insert(bos, at: 0) }
        return ids
    }
}
