// SPDX-License-Identifier: Apache-2.0

package import JSON

/// What a body says about the dialect of its client.
package enum DialectHints {
    /// Whether the body has a field that only Mistral's clients send.
    package static func isMistral(_ body: JSONObject) -> Bool {
        for key in ["random_seed", "safe_prompt", "prompt_mode", "guardrails"]
        where body.contains(key) {
            return true
        }
        guard case .array(let messages)? = body["messages"] else { return false }
        return messages.contains { $0.objectValue?.contains("prefix") ?? false }
    }
}
