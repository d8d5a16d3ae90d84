// SPDX-License-Identifier: Apache-2.0

/// Whose API a route belongs to, where that is not the request's dialect, and so how its errors look.
package enum APIFamily: Hashable, Sendable, CaseIterable {
    /// Routes that only Mistral's API has.
    case mistral

    /// Anthropic's Messages API.
    case anthropic

    /// Ollama's own API.
    case ollama
}
