// SPDX-License-Identifier: Apache-2.0

package import JSON

extension [UInt8] {
    /// Appends text as it is.
    mutating func append(text: String) { append(contentsOf: text.utf8) }

    /// Appends a whole number.
    mutating func append(number: Int) { append(contentsOf: number.description.utf8) }

    /// Appends a string of JSON.
    mutating func append(quoted text: String) {
        append(UInt8(ascii: "\""))
        append(contentOf: text, in: .compact)
        append(UInt8(ascii: "\""))
    }

    /// Appends a value of JSON.
    mutating func append(json value: JSONValue) { append(contentsOf: value.serializedBytes()) }

    /// Appends a value of JSON, or `null`.
    mutating func append(json value: JSONValue?) {
        if let value { append(json: value) } else { append(text: "null") }
    }

    /// Appends a string of JSON, or `null`.
    mutating func append(quoted text: String?) {
        if let text { append(quoted: text) } else { append(text: "null") }
    }

    /// Appends ids as an array of JSON.
    mutating func append(ids: some Sequence<Int32>) {
        append(UInt8(ascii: "["))
        var isFirst = true
        for id in ids {
            if !isFirst { append(UInt8(ascii: ",")) }
            isFirst = false
            append(number: Int(id))
        }
        append(UInt8(ascii: "]"))
    }

    /// Appends what all APIs say of a choice after its text and log probabilities; `finish_reason` is
    /// always there, null while the choice goes on.
    mutating func append(
        finishReason: String?, stopReason: String?, tokenIDs: [Int32]?, tokens: [Int32]?
    ) {
        append(text: #","finish_reason":"#)
        append(quoted: finishReason)
        if let stopReason {
            append(text: #","stop_reason":"#)
            append(quoted: stopReason)
        }
        if let tokenIDs {
            append(text: #","token_ids":"#)
            append(ids: tokenIDs)
        }
        if let tokens {
            append(text: #","tokens":"#)
            append(ids: tokens)
        }
    }
}

extension [Int32] {
    /// An array of numbers.
    package var json: JSONValue { .array(map { .integer(Int($0)) }) }
}
