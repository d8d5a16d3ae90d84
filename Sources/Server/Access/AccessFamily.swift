// SPDX-License-Identifier: Apache-2.0

/// A family of the API, as a key may be held to some of them.
package enum AccessFamily: String, CaseIterable, Sendable {
    /// OpenAI's and Mistral's chats.
    case chat

    /// Responses, and those that are kept.
    case responses

    /// Texts that are continued.
    case completions

    /// Gaps that are filled.
    case fim

    /// Anthropic's API.
    case messages

    /// Typed questions.
    case decisions

    /// Embeddings and scores of documents.
    case embeddings

    /// Texts as ids, and ids as texts.
    case tokens

    /// Ollama's own API.
    case ollama

    /// Files that are stored, read and deleted.
    case files

    /// Many requests in a file, done when there is time.
    case batches

    /// What brings models into memory and out of it, and shows how the server is doing.
    case operation

    /// What tells of all keys.
    case admin

    /// Those that a key may be held to; the others need its `admin`.
    package static let held = allCases.filter { $0 != .admin && $0 != .operation }

    /// Whether its requests count against the limits of a key, and as usage.
    package var isCounted: Bool { ![.admin, .operation, .files, .batches].contains(self) }

    /// Their names.
    package static let heldNames = held.map(\.rawValue).joined(separator: ", ")

    /// The family of that name, if a key may be held to it.
    package init?(held name: String) {
        guard let family = Self.held.first(where: { $0.rawValue == name }) else { return nil }
        self = family
    }
}
