// SPDX-License-Identifier: Apache-2.0

import JSON

/// The arguments of a call of a tool, for APIs that have them as an object.
enum CallArguments {
    /// The object of a text of JSON; without members where that was cut short.
    static func object(of text: String) -> JSONObject {
        do {
            let value = try JSONParser.parse(
                text,
                limits: .init(
                    maxDepth: 64, maxValues: 1 << 20, replacesLoneSurrogates: true,
                    keepsDigits: true))
            return value.objectValue ?? [:]
        } catch {
            return [:]
        }
    }
}
