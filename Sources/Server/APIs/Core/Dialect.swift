// SPDX-License-Identifier: Apache-2.0

/// Which of the two wire formats a request speaks, and so its answer.
///
/// Most of an answer is one superset that both official SDKs read; where they conflict, the dialect
/// decides.
package enum Dialect: String, Hashable, Sendable, CaseIterable {
    /// The OpenAI API.
    case openAI = "openai"

    /// The Mistral API.
    case mistral = "mistral"
}
