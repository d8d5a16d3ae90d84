// SPDX-License-Identifier: Apache-2.0

package import Tokenization

/// How a model wants its conversations written.
package enum PromptFormat: Sendable {
    /// One of Mistral's formats, made of tokens.
    case mistral(MistralFormat)

    /// The model's own template.
    case template(ChatTemplate)

    /// The template that is used for want of one: ChatML.
    case fallback(ChatTemplate)

    /// A format with what is worth telling about its choice.
    package struct Choice: Sendable {
        /// The format.
        package let format: PromptFormat

        /// The template to use instead where a request has tools, if the model has one of its own.
        package var toolTemplate: ChatTemplate?

        /// Why it was chosen, for the log and for `inspect`.
        package let reason: String

        /// Lines for the log; empty where nothing is amiss.
        package var warnings: [String] = []
    }

    /// What a model's files say about its prompts.
    package struct Sources: Sendable {
        /// The model's templates by name, as transformers names them: `default`, `tool_use` ….
        package var templates: [String: String]

        /// The file that the templates come from.
        package var templateSource: String

        /// The version of Mistral's own tokenizer file, if that is what the model has.
        package var mistralVersion: ModelTokenizer.MistralVersion?

        /// What the files say; nothing unless stated.
        package init(
            templates: [String: String] = [:], templateSource: String = "metadata",
            mistralVersion: ModelTokenizer.MistralVersion? = nil
        ) {
            self.templates = templates
            self.templateSource = templateSource
            self.mistralVersion = mistralVersion
        }
    }

    /// ChatML, which most models without a template of their own make something of.
    package static let chatML = """
        {% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] \
        + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' \
        }}{% endif %}
        """

    /// Chooses the format of a model: a setting, else the model's own template, else what Mistral's
    /// tokenizer file states, else Mistral's by the vocabulary, else ChatML.
    ///
    /// - Parameters:
    ///   - setting: a format by name: `auto`, `template`, `chatml`, or a version of Mistral's such
    ///     as `v3` or `v7-tekken`; nil is `auto`.
    ///   - sources: what the model's files say.
    ///   - tokenizer: the model's vocabulary.
    /// - Returns: the format, why, and warnings for the log.
    /// - Throws: `ConversationError` for an unknown setting or version, or for `template` without
    ///   one that can be read.
    package static func choose(
        setting: String? = nil, _ sources: Sources, tokenizer: any Tokenizer
    ) throws(ConversationError) -> Choice {
        switch setting ?? "auto" {
        case "auto": return try automatic(sources, tokenizer: tokenizer)
        case "chatml":
            return Choice(
                format: .fallback(try parsed(chatML)), reason: setAside(sources, "the manifest"))
        case "template":
            guard let choice = try ownTemplate(sources, isRequired: true) else {
                throw .invalid("the model has no chat template")
            }
            return choice
        case let name:
            guard let format = MistralFormat(named: name) else {
                throw .invalid("unknown prompt format '\(name)'")
            }
            return Choice(format: .mistral(format), reason: setAside(sources, "the manifest"))
        }
    }

    private static func setAside(_ sources: Sources, _ who: String) -> String {
        sources.templates.isEmpty
            ? "\(who) says so"
            : "\(who) says so; the chat template of \(sources.templateSource) is set aside"
    }

    private static func automatic(
        _ sources: Sources, tokenizer: any Tokenizer
    ) throws(ConversationError) -> Choice {
        var warnings: [String] = []
        do {
            if let choice = try ownTemplate(sources, isRequired: false) { return choice }
            warnings.append("the model has no chat template")
        } catch {
            warnings.append("the model's chat template cannot be used: \(error)")
        }
        let isBroken = !sources.templates.isEmpty
        if let version = sources.mistralVersion {
            let format = try mistral(version, tokenizer)
            return Choice(
                format: .mistral(format), reason: "\(version.file) states version \(version.name)",
                warnings: isBroken ? warnings : [])
        }
        if let format = MistralFormat.detected(in: tokenizer) {
            return Choice(
                format: .mistral(format), reason: "the vocabulary has its control tokens",
                warnings: isBroken ? warnings : [])
        }
        warnings.append("conversations are written in ChatML, which this model may not know")
        return Choice(
            format: .fallback(try parsed(chatML)), reason: "nothing says what the model knows",
            warnings: warnings)
    }

    /// The format of a version that a tokenizer file states.
    private static func mistral(
        _ version: ModelTokenizer.MistralVersion, _ tokenizer: any Tokenizer
    ) throws(ConversationError) -> MistralFormat {
        let known = MistralFormat.allCases.map(\.rawValue).joined(separator: ", ")
        guard version.name.first == "v", let format = MistralFormat(named: version.name) else {
            throw .invalid(
                "\(version.file) states version '\(version.name)', whose prompts cannot be written "
                    + "(only \(known)); give the model a chat_template.jinja, or a manifest with a "
                    + "prompt_format")
        }
        let needed = format.neededTokens.filter { tokenizer.id(ofControl: $0) == nil }
        guard needed.isEmpty else {
            throw .invalid(
                "\(version.file) states version '\(version.name)', but its vocabulary has no "
                    + needed.joined(separator: " "))
        }
        return format
    }

    /// The model's own template, and the one for tools if there are several.
    private static func ownTemplate(
        _ sources: Sources, isRequired: Bool
    ) throws(ConversationError) -> Choice? {
        // Without a default one, whichever is there is for all conversations.
        let names = sources.templates.keys.sorted()
        guard let name = names.contains("default") ? "default" : names.first,
            let source = sources.templates[name]
        else { return nil }
        var choice = Choice(
            format: .template(try parsed(source)),
            reason: names.count == 1
                ? "it is in \(sources.templateSource)"
                : "'\(name)' of \(names.joined(separator: ", ")) in \(sources.templateSource)")
        if name != "default" {
            choice.warnings.append(
                "the model has no chat template named default; '\(name)' is used")
        }
        if name != "tool_use", let tools = sources.templates["tool_use"] {
            do {
                choice.toolTemplate = try parsed(tools)
            } catch {
                if isRequired { throw error }
                choice.warnings.append("the chat template for tools cannot be used: \(error)")
            }
        }
        return choice
    }

    private static func parsed(_ source: String) throws(ConversationError) -> ChatTemplate {
        do {
            return try ChatTemplate(source: source)
        } catch {
            throw .template(error)
        }
    }
}
