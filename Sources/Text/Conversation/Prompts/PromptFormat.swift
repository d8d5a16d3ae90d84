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

        /// Lines for the log; empty where nothing is amiss.
        package let warnings: [String]
    }

    /// ChatML, which most models without a template of their own make something of.
    package static let chatML = """
        {% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] \
        + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' \
        }}{% endif %}
        """

    /// Chooses the format of a model: a setting, else Mistral's by the vocabulary, else the
    /// template, else ChatML.
    ///
    /// - Parameters:
    ///   - setting: a format by name: `auto`, `template`, `chatml`, or a version of Mistral's such
    ///     as `v3` or `v7-tekken`; nil is `auto`.
    ///   - template: the source of the model's template, if it has one.
    ///   - tokenizer: the model's vocabulary.
    /// - Returns: the format and warnings for the log.
    /// - Throws: `ConversationError` for an unknown setting, or for `template` without one that can
    ///   be read.
    package static func choose(
        setting: String? = nil, template: String?, tokenizer: any Tokenizer
    ) throws(ConversationError) -> Choice {
        switch setting ?? "auto" {
        case "auto": return try automatic(template: template, tokenizer: tokenizer)
        case "chatml": return Choice(format: .fallback(try parsed(chatML)), warnings: [])
        case "template":
            guard let template else { throw .invalid("the model has no chat template") }
            return Choice(format: .template(try parsed(template)), warnings: [])
        case let name:
            guard let format = MistralFormat(named: name) else {
                throw .invalid("unknown prompt format '\(name)'")
            }
            return Choice(format: .mistral(format), warnings: [])
        }
    }

    private static func automatic(
        template: String?, tokenizer: any Tokenizer
    ) throws(ConversationError) -> Choice {
        if let format = MistralFormat.detected(in: tokenizer, template: template) {
            return Choice(format: .mistral(format), warnings: [])
        }
        var warnings: [String] = []
        if let template {
            do {
                let parsed = try ChatTemplate(source: template)
                return Choice(format: .template(parsed), warnings: [])
            } catch {
                warnings.append("the model's chat template cannot be used: \(error)")
            }
        } else {
            warnings.append("the model has no chat template")
        }
        warnings.append("conversations are written in ChatML, which this model may not know")
        return Choice(format: .fallback(try parsed(chatML)), warnings: warnings)
    }

    private static func parsed(_ source: String) throws(ConversationError) -> ChatTemplate {
        do {
            return try ChatTemplate(source: source)
        } catch {
            throw .template(error)
        }
    }
}
