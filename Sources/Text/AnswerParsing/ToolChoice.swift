// SPDX-License-Identifier: Apache-2.0

/// Which tools an answer calls.
package enum ToolChoice: Hashable, Sendable {
    /// None, though the prompt may show them.
    case none

    /// Those of these names, or none of them, as the model likes; nil for all.
    case auto(allowed: Set<String>?)

    /// At least one, of these names; nil for any.
    case required(allowed: Set<String>?)
}
