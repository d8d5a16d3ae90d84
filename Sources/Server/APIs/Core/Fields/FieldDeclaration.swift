// SPDX-License-Identifier: Apache-2.0

package import JSON

/// What there is to know of one field of a request, or of one member of an answer.
package struct FieldDeclaration: Sendable {
    /// What becomes of a field.
    package enum Use: Hashable, Sendable {
        /// It is read and acted upon.
        case read

        /// It is taken at values that ask for nothing, and refused at any other.
        case refused(reason: String)

        /// Any value is taken, and none changes what an answer says; why that is right.
        case ignored(reason: String)
    }

    /// The name.
    package let name: String

    /// Names of other servers that mean the same.
    package var peers: [String] = []

    /// The values that it may have.
    package let kind: FieldKind

    /// What it says, in one plain sentence.
    package let help: String

    /// What becomes of it.
    package var use = Use.read

    /// Whether a request must have it, or an answer always has.
    package var isRequired = false

    /// What holds where a request does not have it; nil where nothing does or the model decides.
    package var fallback: JSONValue?

    /// Values that are taken; none if any of the kind is.
    package var examples: [JSONValue] = []

    /// Members without which it may not be there, or without which nobody looks at it.
    package var companions: JSONObject = [:]

    /// A declaration of a field that is read.
    package init(_ name: String, _ kind: FieldKind, _ help: String) {
        self.name = name
        self.kind = kind
        self.help = help
    }

    /// A field that asks for what this server does not do.
    ///
    /// - Parameters:
    ///   - name: the name.
    ///   - neutral: the values that ask for nothing; nil for `false`, 0 and what is empty.
    ///   - reason: what the error says.
    /// - Returns: a declaration for the list of an endpoint, and for `FieldReader.refuse`.
    package static func refused(
        _ name: String, neutral: [JSONValue]? = nil, reason: String
    ) -> FieldDeclaration {
        var declaration = FieldDeclaration(
            name, .values((neutral ?? [false, 0, "", [], [:]]) + [.null]), "Refused: \(reason).")
        declaration.use = .refused(reason: reason)
        return declaration
    }

    /// A field that changes how an answer is computed, or where, and never what it says.
    package static func ignored(_ name: String, reason: String) -> FieldDeclaration {
        var declaration = FieldDeclaration(name, .any, "Ignored: \(reason).")
        declaration.use = .ignored(reason: reason)
        return declaration
    }

    /// The name and its peers' names.
    package var names: [String] { [name] + peers }

    /// The same, as a member that is always there.
    package var required: FieldDeclaration { with { $0.isRequired = true } }

    /// The same, with values that are taken.
    package func example(_ values: JSONValue...) -> FieldDeclaration {
        with { $0.examples = values }
    }

    /// The same, as a field that needs others beside it.
    package func beside(_ companions: JSONObject) -> FieldDeclaration {
        with { $0.companions = companions }
    }

    /// The same, under these names, too.
    package func peers(_ names: String...) -> FieldDeclaration { with { $0.peers = names } }

    private func with(_ change: (inout FieldDeclaration) -> Void) -> FieldDeclaration {
        var copy = self
        change(&copy)
        return copy
    }

    /// A value that is taken.
    package func sample(_ rules: FieldRules) -> JSONValue {
        examples.first ?? kind.sample(rules)
    }

    /// The schema of the value under one of its names.
    func schema(as name: String, _ rules: FieldRules, isAnswer: Bool) -> JSONObject {
        var schema = kind.schema(rules, isAnswer: isAnswer)
        let mayBeNull = !isAnswer && !isRequired && !kind.takesNull
        if mayBeNull {
            if case .string(let type)? = schema["type"], !schema.contains("enum") {
                schema["type"] = [.string(type), "null"]
            } else {
                schema = ["anyOf": [.object(schema), ["type": "null"]]]
            }
        }
        schema["description"] = .string(
            name == self.name ? help : "Another name of \(self.name): \(help)")
        if let fallback { schema["default"] = fallback }
        if !examples.isEmpty { schema["examples"] = .array(examples) }
        return schema
    }
}

extension FieldKind {
    fileprivate var takesNull: Bool {
        switch self {
        case .any, .null: true
        case .values(let values): values.contains(.null)
        case .either(let kinds): kinds.contains { $0.takesNull }
        default: false
        }
    }
}
