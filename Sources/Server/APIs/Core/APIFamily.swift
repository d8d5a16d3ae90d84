// SPDX-License-Identifier: Apache-2.0

/// Whose API a route belongs to, where that is not the request's dialect, and so how its errors look.
package enum APIFamily: Hashable, Sendable, CaseIterable {
    /// Routes that only Mistral's API has.
    case mistral

    /// Anthropic's Messages API.
    case anthropic

    /// Ollama's own API.
    case ollama

    /// How its errors look.
    var errors: ErrorShape {
        switch self {
        case .mistral: .mistral
        case .anthropic: .anthropic
        case .ollama: .ollama
        }
    }

    /// The dialect of its clients, if it is one that requests are answered in.
    var dialect: Dialect? { self == .mistral ? .mistral : nil }
}
