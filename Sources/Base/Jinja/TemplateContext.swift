// SPDX-License-Identifier: Apache-2.0

package import JSON

/// The variables of one rendering, and which of their text the caller vouches for.
///
/// Vouched text counts as the template's own; all other text is data.
package struct TemplateContext: Sendable {
    private let data: JSONObject
    private let vouched: JSONObject
    private var words: (variable: String, member: String, known: Set<String>)?

    /// How many bytes of text the data has.
    private(set) var textLength = 0

    /// How many values the data has, at any depth.
    private(set) var valueCount = 0

    /// Variables.
    ///
    /// - Parameters:
    ///   - data: variables whose text is data.
    ///   - vouched: further variables that the caller vouches for, such as `bos_token`.
    package init(_ data: JSONObject, vouched: JSONObject = [:]) {
        self.data = data
        self.vouched = vouched
        count(.object(data))
    }

    /// Vouches for a member of each object in a list, where it is one of some known words.
    ///
    /// So a template may make a control token such as `<|user|>` of a role's name.
    package mutating func vouch(
        for known: Set<String>, as member: String, inEachOf variable: String
    ) {
        words = (variable, member, known)
    }

    /// A scope with all the variables.
    func scope() -> Scope {
        let scope = Scope(parent: nil)
        for (name, value) in data {
            if let words, name == words.variable, case .array(let items) = value {
                scope.variables[name] = .list(
                    ValueList(
                        items.map { item in
                            Self.value(item, vouchingFor: words.member, in: words.known)
                        }))
            } else {
                scope.variables[name] = Value(value, origin: .data)
            }
        }
        for (name, value) in vouched {
            scope.variables[name] = Value(value, origin: .template)
        }
        return scope
    }

    private static func value(
        _ item: JSONValue, vouchingFor member: String, in known: Set<String>
    ) -> Value {
        let value = Value(item, origin: .data)
        guard case .mapping(var mapping) = value, let word = item[member]?.stringValue,
            known.contains(word)
        else { return value }
        mapping.set(
            TemplateString(member, origin: .data),
            to: .string(TemplateString(word, origin: .template)))
        return .mapping(mapping)
    }

    private mutating func count(_ value: JSONValue) {
        valueCount += 1
        switch value {
        case .string(let text): textLength += text.utf8.count
        case .array(let items):
            for item in items { count(item) }
        case .object(let object):
            for (key, value) in object {
                textLength += key.utf8.count
                count(value)
            }
        default: break
        }
    }
}
