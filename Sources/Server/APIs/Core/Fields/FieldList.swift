// SPDX-License-Identifier: Apache-2.0

package import JSON

/// The fields of one object: of the body of a request, or of an object within one, or of an answer.
package struct FieldList: Sendable {
    /// In the order of the document.
    package let declarations: [FieldDeclaration]

    /// Names of which an object must have one.
    package let alternatives: [String]

    /// A list of fields, of declarations and of other lists.
    ///
    /// - Parameters:
    ///   - alternatives: names of which an object must have one.
    ///   - fields: the fields.
    package init(
        oneOf alternatives: [String] = [], @FieldListBuilder _ fields: () -> [FieldDeclaration]
    ) {
        declarations = fields()
        self.alternatives = alternatives
    }

    /// All names, those of peers included.
    package var names: [String] { declarations.flatMap(\.names) }

    /// The declaration under one of its names.
    package func declaration(_ name: String) -> FieldDeclaration? {
        declarations.first { $0.names.contains(name) }
    }

    /// The JSON Schema of the object.
    package func schema(_ rules: FieldRules, isAnswer: Bool = false) -> JSONObject {
        var properties = JSONObject()
        for declaration in declarations {
            for name in declaration.names {
                properties[name] = .object(
                    declaration.schema(as: name, rules, isAnswer: isAnswer))
            }
        }
        var schema: JSONObject = ["type": "object", "properties": .object(properties)]
        let required = declarations.filter(\.isRequired).map { JSONValue.string($0.name) }
        if !required.isEmpty { schema["required"] = .array(required) }
        if !alternatives.isEmpty {
            schema["anyOf"] = .array(alternatives.map { ["required": [.string($0)]] })
        }
        return schema
    }

    /// The least object that is taken.
    package func sample(_ rules: FieldRules) -> JSONObject {
        JSONObject(
            declarations.filter { $0.isRequired || $0.name == alternatives.first }
                .map { ($0.name, $0.sample(rules)) })
    }

    /// A way to a field through the objects and lists of a body, and a body that has the field.
    package struct Place: Sendable {
        /// Such as `messages[].content`, as ``FieldLedger`` writes it.
        package let path: String

        /// The field.
        package let declaration: FieldDeclaration

        /// A body in which the field has this value; nil leaves it out.
        package let body: @Sendable (_ value: JSONValue?) -> JSONObject
    }

    /// All fields of a body, those of objects within it included, under each of their names.
    package func places(_ rules: FieldRules) -> [Place] {
        places(rules, below: "", in: sample(rules)) { $0 }
    }

    private func places(
        _ rules: FieldRules, below prefix: String, in least: JSONObject,
        _ wrap: @escaping @Sendable (JSONObject) -> JSONObject
    ) -> [Place] {
        var places: [Place] = []
        for declaration in declarations {
            for name in declaration.names {
                let body: @Sendable (JSONValue?) -> JSONObject = { value in
                    var object = least
                    for (key, companion) in declaration.companions { object[key] = companion }
                    object[name] = value
                    return wrap(object)
                }
                places.append(Place(path: prefix + name, declaration: declaration, body: body))
                places += Self.places(
                    declaration.kind, rules, at: prefix + name, like: declaration.examples.first
                ) { body($0) }
            }
        }
        return places
    }

    private static func places(
        _ kind: FieldKind, _ rules: FieldRules, at path: String, like example: JSONValue?,
        _ wrap: @escaping @Sendable (JSONValue) -> JSONObject
    ) -> [Place] {
        switch kind {
        case .object(let members):
            members.places(
                rules, below: path + ".", in: example?.objectValue ?? members.sample(rules)
            ) { wrap(.object($0)) }
        case .array(let element, _, _):
            // Further elements of an example stay, for some lists need them.
            places(element, rules, at: path + "[]", like: example?[0]) {
                wrap(.array([$0] + (example?.arrayValue ?? []).dropFirst()))
            }
        case .either(let kinds):
            kinds.flatMap { places($0, rules, at: path, like: example, wrap) }
        default: []
        }
    }
}

/// Puts a ``FieldList`` together.
@resultBuilder
package enum FieldListBuilder {
    /// A field that is read by its declaration.
    package static func buildExpression(_ field: some DeclaredField) -> [FieldDeclaration] {
        [field.declaration]
    }

    /// A field of which there is only a declaration.
    package static func buildExpression(_ declaration: FieldDeclaration) -> [FieldDeclaration] {
        [declaration]
    }

    /// Several of them.
    package static func buildExpression(_ declarations: [FieldDeclaration]) -> [FieldDeclaration] {
        declarations
    }

    /// The fields of another list.
    package static func buildExpression(_ list: FieldList) -> [FieldDeclaration] {
        list.declarations
    }

    /// Some that belong there under a condition.
    package static func buildOptional(_ part: [FieldDeclaration]?) -> [FieldDeclaration] {
        part ?? []
    }

    /// All of them.
    package static func buildBlock(_ parts: [FieldDeclaration]...) -> [FieldDeclaration] {
        parts.flatMap { $0 }
    }
}
