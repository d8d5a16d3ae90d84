// SPDX-License-Identifier: Apache-2.0

package import JSON
package import Scheduling

extension CacheDiagnosis {
    /// The object by OpenAI's names, with the place of the first token that was not found as
    /// expected; its reasons are more than theirs.
    ///
    /// That another client has asked something is told only to one who asks exactly the same, so
    /// that nobody can find out by trying what the prompts of others begin with.
    package var json: JSONValue {
        // OpenAI's SDK knows one reason for a miss, and none where nothing is available.
        let type: JSONValue =
            switch reason {
            case .hit: "cache_hit"
            case .changed: "cache_miss"
            default: "unavailable"
            }
        var object: JSONObject = ["type": type]
        let (name, position): (String, Int?) =
            switch reason {
            case .hit: ("", nil)
            case .changed(let position): ("input_changed", position)
            case .evicted(let position): ("evicted", position)
            case .otherSalt: ("cache_salt_changed", nil)
            case .otherClient: ("other_client", nil)
            case .unseen: ("not_seen", nil)
            }
        if reason != .hit { object["reason"] = .string(name) }
        if let position { object["first_different_token"] = .integer(position) }
        object["cached_tokens"] = .integer(foundCount)
        object["cache_missed_tokens"] = .integer(missedCount)
        return .object(object)
    }
}
