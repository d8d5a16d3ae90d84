// SPDX-License-Identifier: Apache-2.0

package import JSON

/// Where a value stands in the body of a request, such as `messages[2].content[0].type`.
package struct FieldPath: Hashable, Sendable {
    /// One step from a value to a value within it.
    package enum Component: Hashable, Sendable {
        /// Into a member of an object.
        case key(String)

        /// Into an element of an array.
        case index(Int)

        /// To a part of a document of its own, such as a schema, by its JSON pointer.
        case pointer(String)
    }

    /// The steps from the whole body.
    package let components: [Component]

    /// A path of these steps; none of them names the whole body.
    package init(_ components: [Component] = []) { self.components = components }

    /// The path of a member of the body.
    package init(_ key: String) { components = [.key(key)] }

    /// The path of a member of the object here.
    package func appending(_ key: String) -> FieldPath { FieldPath(components + [.key(key)]) }

    /// The path of an element of the array here.
    package func appending(_ index: Int) -> FieldPath { FieldPath(components + [.index(index)]) }

    /// The path of a part of the document here.
    package func appending(pointer: String) -> FieldPath {
        FieldPath(components + [.pointer(pointer)])
    }

    /// The path as Mistral reports it: an array that begins with `"body"`.
    package var location: JSONValue {
        .array(
            ["body"]
                + components.map { component in
                    switch component {
                    case .key(let key): .string(EchoableText.of(key))
                    case .index(let index): .integer(index)
                    case .pointer(let pointer): .string(EchoableText.sentence(pointer))
                    }
                })
    }
}

extension FieldPath: CustomStringConvertible {
    /// The path as OpenAI reports it in `param`; `body` for the whole body.
    package var description: String {
        guard !components.isEmpty else { return "body" }
        var text = ""
        for component in components {
            switch component {
            case .key(let key):
                text += (text.isEmpty ? "" : ".") + EchoableText.of(key)
            case .index(let index): text += "[\(index)]"
            case .pointer(let pointer): text += EchoableText.sentence(pointer)
            }
        }
        return text
    }
}

extension FieldPath: ExpressibleByStringLiteral {
    package init(stringLiteral key: String) { self.init(key) }
}
