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

    /// Whether tools are told of in the system message, because the format has no place for them or
    /// the model is to call them in the general way.
    package private(set) var describesTools: Bool

    private let tokenizer: any Tokenizer
    private let specialTokens: JSONObject
    private let limits: TemplateLimits
    private let reasoningEffort: String?
    private let style: MessageStyle
    /// The template for conversations with tools, and how it wants its messages.
    private let forTools: (template: ChatTemplate, style: MessageStyle)?
    /// What the template for conversations with tools makes of them.
    private let abilities: TemplateAbilities

    /// An encoder for one model.
    ///
    /// - Parameters:
    ///   - tokenizer: the model's vocabulary.
    ///   - format: how conversations are written.
    ///   - toolTemplate: the template to use instead where a request has tools.
    ///   - specialTokens: what templates call `bos_token`, `eos_token` and the like; the first two
    ///     are taken from the vocabulary where they are not given.
    ///   - reasoningEffort: how much a model of Mistral's v15 reasons unless a request says.
    ///   - limits: bounds of rendering.
    package init(
        tokenizer: any Tokenizer, format: PromptFormat, toolTemplate: ChatTemplate? = nil,
        specialTokens: [String: String] = [:], reasoningEffort: String? = nil,
        limits: TemplateLimits = TemplateLimits()
    ) {
        self.tokenizer = tokenizer
        self.format = format
        self.limits = limits
        self.reasoningEffort = reasoningEffort
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
            abilities = TemplateAbilities(all: format.supportsTools)
            describesTools = !format.supportsTools
        case .template(let template), .fallback(let template):
            style = Self.style(of: template, specialTokens: vouched, limits: limits)
            let (template, style) = forTools ?? (template, style)
            abilities = TemplateAbilities(
                of: template, style: style, specialTokens: vouched, limits: limits)
            describesTools = !abilities.showsTools
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
            knowsDevelopers: template.source.contains("developer"),
            hasChannels: ["<|start|>", "<|channel|>", "<|message|>"].allSatisfy(
                template.source.contains))
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

    /// The same encoder, but tools are told of in the system message whatever the format has.
    package func describingTools() -> PromptEncoder {
        var encoder = self
        encoder.describesTools = true
        return encoder
    }

    /// The source of the template that writes conversations with tools; nil for Mistral's formats.
    package var toolTemplateSource: String? {
        switch format {
        case .mistral: nil
        case .template(let template), .fallback(let template):
            (forTools?.template ?? template).source
        }
    }

    /// The ids of a conversation's prompt.
    ///
    /// Templates that refuse the order of roles are given the conversation again in other ways
    /// (`ConversationRepair`); an order of roles alone is never an error.
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
        guard !messages.isEmpty else {
            throw .invalid("a conversation needs at least one message")
        }
        let style = tools.isEmpty ? style : forTools?.style ?? style
        let reasons = extra["prompt_mode"] == "reasoning"
        let messages = style.completed(reasons ? reasoning(messages) : messages)
        var extra = extra
        if reasons, !extra.contains("enable_thinking") { extra["enable_thinking"] = true }
        if style.hasChannels, let effort = extra["reasoning_effort"] {
            extra["reasoning_effort"] = ChannelMessages.effort(effort)
        }
        func encode(
            _ messages: [Message], _ tools: [JSONValue]
        ) throws(ConversationError) -> [Int32] {
            try self.encode(
                messages, tools: tools, addGenerationPrompt: addGenerationPrompt,
                continueFinal: continueFinal, extra: extra, limit: limit)
        }
        guard describesTools, !tools.isEmpty else {
            let showsHistory = abilities.showsCalls && abilities.showsResults
            return try encode(showsHistory ? messages : ToolInstructions.plain(messages), tools)
        }
        for detail in ToolInstructions.Detail.allCases.dropLast() {
            let described = ToolInstructions.described(messages, tools: tools, detail: detail)
            do throws(ConversationError) {
                let ids = try encode(described, [])
                // The answer and what comes after it need room, too.
                if ids.count <= limit - limit / 4 { return ids }
            } catch {
                guard case .tooLong = error else { throw error }
            }
        }
        return try encode(ToolInstructions.described(messages, tools: tools, detail: .names), [])
    }

    /// The ids of a conversation as the format has it.
    private func encode(
        _ messages: [Message], tools: [JSONValue], addGenerationPrompt: Bool,
        continueFinal: Bool, extra: JSONObject, limit: Int
    ) throws(ConversationError) -> [Int32] {
        let isPrefix = messages.last.map { $0.role == .assistant && $0.isPrefix } ?? false
        let continues = continueFinal || isPrefix
        switch format {
        case .mistral(let format):
            // These formats have no tokens that open an assistant's turn, so that a last message
            // of the assistant is one to go on with whenever something is to be generated.
            return try format.encode(
                messages: messages, tools: tools, tokenizer: tokenizer,
                settings: try settings(for: format, extra),
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

    /// The conversation with a system message that makes a model of Mistral's reason, unless it has
    /// one; templates and v15 have their own ways.
    private func reasoning(_ messages: [Message]) -> [Message] {
        guard case .mistral(let format) = format, format != .v15,
            !messages.contains(where: { $0.role == .system || $0.role == .developer })
        else { return messages }
        let marks = format.isLate ? ("[THINK]", "[/THINK]") : ("<think>", "</think>")
        let text = """
            Think before you answer. Write down your thoughts between \(marks.0) and \(marks.1) \
            until you are sure of the answer; then write the answer by itself, in Markdown and in \
            the language of the question.
            """
        return [Message(.system, text)] + messages
    }

    /// What v15 calls the model's settings: how much it reasons, which is as much as its file says
    /// unless stated, or not at all.
    private func settings(
        for format: MistralFormat, _ extra: JSONObject
    ) throws(ConversationError) -> JSONObject {
        guard format == .v15 else { return [:] }
        let efforts = ["none", "minimal", "low", "medium", "high", "xhigh"]
        let usual = reasoningEffort.flatMap { efforts.contains($0) ? $0 : nil } ?? "none"
        let unstated: JSONValue =
            extra["prompt_mode"] == "reasoning" ? "high" : .string(usual)
        var effort = extra["reasoning_effort"] ?? unstated
        if effort == "max" { effort = "xhigh" }
        guard let name = effort.stringValue, efforts.contains(name) else {
            throw .invalid("reasoning_effort must be one of \(efforts.joined(separator: ", "))")
        }
        return ["reasoning_effort": effort]
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
