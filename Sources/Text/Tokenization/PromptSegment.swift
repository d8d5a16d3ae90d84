// SPDX-License-Identifier: Apache-2.0

/// A part of a prompt, by how far its text is trusted.
package enum PromptSegment: Hashable, Sendable {
    /// Text of a user, a tool or a model: no control token is ever read out of it.
    case text(String)

    /// One control token by its name, such as `[INST]`.
    case control(String)

    /// A template's own text: names of control tokens in it become these tokens.
    case templated(String)
}
