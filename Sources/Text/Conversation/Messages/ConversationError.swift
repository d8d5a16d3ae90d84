// SPDX-License-Identifier: Apache-2.0

package import Jinja
package import Tokenization

/// Why a conversation could not be made into a prompt; each is the client's to mend.
package enum ConversationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The model's template refuses the conversation or fails on it.
    case template(TemplateError)

    /// The prompt format has no way to say this.
    case unsupported(String)

    /// The vocabulary lacks a control token that the prompt format needs.
    case missingControlToken(String)

    /// The conversation itself is malformed.
    case invalid(String)

    /// The conversation has more tokens than it may.
    case tooLong(TokenLimitError)

    /// One line for the client.
    package var description: String {
        switch self {
        case .template(let error): error.description
        case .unsupported(let feature): "this model's prompt format does not support \(feature)"
        case .missingControlToken(let name): "the model's vocabulary has no token \(name)"
        case .invalid(let reason): reason
        case .tooLong(let error): error.description
        }
    }
}
