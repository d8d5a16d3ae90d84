// SPDX-License-Identifier: Apache-2.0

import JSON

/// A call of a tool, or in a stream a part of one, as an answer writes it.
package struct WrittenCall: Hashable, Sendable {
    /// What kind of tool is called.
    package enum Kind: Hashable, Sendable {
        /// One whose arguments are JSON.
        case function

        /// One that takes any text (OpenAI).
        case custom

        /// One of OpenAI's older API, which has no `tool_calls`.
        case legacy

        fileprivate var name: String { self == .custom ? "custom" : "function" }
        fileprivate var inputKey: String { self == .custom ? "input" : "arguments" }
    }

    /// Its place among the calls of its choice.
    package var index: Int

    /// What is called.
    package var kind: Kind

    /// Its identity; nil in a part that does not begin it.
    package var id: String?

    /// The tool's name; nil in a part that does not begin it.
    package var name: String?

    /// The JSON text of the arguments, or a custom tool's input, or the next part of either.
    package var input: String

    /// An element of `tool_calls`, or an older `function_call`.
    var json: JSONValue {
        let function: JSONValue = [
            "name": name.map { .string($0) } ?? .null, kind.inputKey: .string(input),
        ]
        if kind == .legacy { return function }
        return [
            "id": id.map { .string($0) } ?? .null, "type": .string(kind.name),
            kind.name: function, "index": .integer(index),
        ]
    }

    /// Appends the element of `tool_calls`.
    func append(to bytes: inout [UInt8]) {
        bytes.append(text: #"{"index":"#)
        bytes.append(number: index)
        if let id {
            bytes.append(text: #","id":"#)
            bytes.append(quoted: id)
            bytes.append(text: #","type":""# + kind.name + #"""#)
        }
        bytes.append(text: #",""# + kind.name + #"":"#)
        appendFunction(to: &bytes)
        bytes.append(text: "}")
    }

    /// Appends the object with name and arguments, which is all of an older `function_call`.
    func appendFunction(to bytes: inout [UInt8]) {
        bytes.append(text: "{")
        if let name {
            bytes.append(text: #""name":"#)
            bytes.append(quoted: name)
            bytes.append(text: ",")
        }
        bytes.append(text: #"""# + kind.inputKey + #"":"#)
        bytes.append(quoted: input)
        bytes.append(text: "}")
    }
}

extension [WrittenCall] {
    /// Appends the members of a message or of a part of one that tell of calls; nothing for none.
    ///
    /// - Parameters:
    ///   - bytes: receives them.
    ///   - separator: what stands before them, if there are any.
    func append(to bytes: inout [UInt8], after separator: String) {
        guard let first else { return }
        bytes.append(text: separator)
        if first.kind == .legacy {
            bytes.append(text: #""function_call":"#)
            return first.appendFunction(to: &bytes)
        }
        bytes.append(text: #""tool_calls":["#)
        for (place, call) in enumerated() {
            if place > 0 { bytes.append(text: ",") }
            call.append(to: &bytes)
        }
        bytes.append(text: "]")
    }
}
