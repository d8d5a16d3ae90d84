// SPDX-License-Identifier: Apache-2.0

package import JSON

/// A field of a request that is declared once, and read by that declaration.
///
/// A family declares its fields as values, puts them into a list, and gives the list to the endpoint.
/// What is read, what the OpenAPI document says, and the tests that try wrong values all come from
/// the same values, so that no two of them can disagree:
///
/// ```swift
/// enum RerankFields {
///     static let model = Field.string("model", maxBytes: 1024, "Which model is asked.").required
///     static let documents = Field.array(
///         "documents", of: .string(), maxCount: { $0.limits.maxPrompts }, "What is ranked."
///     ).example(["a", "b"]).required
///     static let count = Field.integer(
///         "top_n", in: 1...1024, "How many are returned; all where it is left out.")
///     static let returnsTexts = Field.boolean(
///         "return_documents", "Whether texts are returned, too.").defaulting(to: false)
///
///     static let list = FieldList {
///         model
///         documents
///         count
///         returnsTexts
///         FieldDeclaration.refused("max_tokens_per_doc", reason: "documents are never cut")
///     }
/// }
///
/// let fields = FieldReader(body, by: context.rules)
/// let model = try fields.require(RerankFields.model)          // String
/// let count = try fields.read(RerankFields.count)             // Int?
/// let returnsTexts = try fields.read(RerankFields.returnsTexts)  // Bool, for it has a default
///
/// .post("/v1/rerank", contract: EndpointContract("Rank texts by a query.", takes: RerankFields.list,
///     gives: .object { … }), answer: …)
/// ```
///
/// A field that depends on another one says what must stand beside it (`.beside(["logprobs": true])`).
/// What other servers take and this one does not is `FieldDeclaration.refused`, and what changes no
/// answer `FieldDeclaration.ignored`.
package struct Field<Value: Sendable>: DeclaredField {
    /// All that is known of it.
    package var declaration: FieldDeclaration

    /// Makes a value of JSON that is there and not null.
    let decode: @Sendable (JSONValue, FieldPath, FieldRules) throws(FieldError) -> Value

    /// A field whose values are made in a way of its own.
    package init(
        _ name: String, _ kind: FieldKind, _ help: String,
        decode: @escaping @Sendable (JSONValue, FieldPath, FieldRules) throws(FieldError) -> Value
    ) {
        declaration = FieldDeclaration(name, kind, help)
        self.decode = decode
    }

    /// The same field, which is read as this value where a request does not have it.
    package func defaulting(to value: Value) -> DefaultedField<Value> where Value: FieldValue {
        var field = self
        field.declaration.fallback = value.json
        return DefaultedField(field: field, fallback: value)
    }
}

/// A field that has a value in every request.
package struct DefaultedField<Value: Sendable>: DeclaredField {
    var field: Field<Value>

    /// The value where a request does not have the field.
    package let fallback: Value

    /// All that is known of it.
    package var declaration: FieldDeclaration {
        get { field.declaration }
        set { field.declaration = newValue }
    }
}

/// What has a declaration.
package protocol DeclaredField: Sendable {
    /// All that is known of it.
    var declaration: FieldDeclaration { get set }
}

extension DeclaredField {
    /// The name.
    package var name: String { declaration.name }

    /// The same field, which a request must have.
    package var required: Self { with { $0.isRequired = true } }

    /// The same field, with values that are taken.
    package func example(_ values: JSONValue...) -> Self { with { $0.examples = values } }

    /// The same field, which other servers know by these names.
    package func peers(_ names: String...) -> Self { with { $0.peers = names } }

    /// The same field, which needs others beside it.
    package func beside(_ companions: JSONObject) -> Self { with { $0.companions = companions } }

    private func with(_ change: (inout FieldDeclaration) -> Void) -> Self {
        var copy = self
        change(&copy.declaration)
        return copy
    }
}

/// A value that can stand in the document as a default.
package protocol FieldValue: Equatable, Sendable {
    /// The value in JSON.
    var json: JSONValue { get }
}

extension Bool: FieldValue {
    /// The value in JSON.
    package var json: JSONValue { .bool(self) }
}

extension Int: FieldValue {
    /// The value in JSON.
    package var json: JSONValue { .integer(self) }
}

extension Double: FieldValue {
    /// The value in JSON.
    package var json: JSONValue { Int(exactly: self).map { .integer($0) } ?? .number(self) }
}

extension String: FieldValue {
    /// The value in JSON.
    package var json: JSONValue { .string(self) }
}

// MARK: Kinds of fields

extension Field where Value == String {
    /// A text, of at most so many bytes.
    package static func string(_ name: String, maxBytes: Int? = nil, _ help: String) -> Field {
        Field(name, .string(maxBytes: maxBytes), help) { (value, path, _) throws(FieldError) in
            try FieldReader.string(value, at: path, maxBytes: maxBytes)
        }
    }

    /// One text of a list.
    package static func choice(_ name: String, of texts: [String], _ help: String) -> Field {
        Field(name, .choice(texts), help) { (value, path, _) throws(FieldError) in
            let text = try FieldReader.string(value, at: path)
            guard texts.contains(text) else {
                throw .invalid(path, expected: "one of \(FieldReader.list(texts))")
            }
            return text
        }
    }
}

extension Field where Value == Bool {
    /// True or false.
    package static func boolean(_ name: String, _ help: String) -> Field {
        Field(name, .boolean, help) { (value, path, _) throws(FieldError) in
            guard case .bool(let flag) = value else {
                throw .wrongType(path, expected: "a boolean", found: value.kindName)
            }
            return flag
        }
    }
}

extension Field where Value == Int {
    /// A whole number.
    package static func integer(
        _ name: String, in range: ClosedRange<Int> = Int.min...Int.max, _ help: String
    ) -> Field {
        integer(name, within: { _ in range }, help)
    }

    /// A whole number whose range depends on the vendor or the operator.
    package static func integer(
        _ name: String, within range: @escaping @Sendable (FieldRules) -> ClosedRange<Int>,
        _ help: String
    ) -> Field {
        Field(name, .integer(range), help) { (value, path, rules) throws(FieldError) in
            try FieldReader.integer(value, at: path, in: range(rules))
        }
    }
}

extension Field where Value == Double {
    /// A number.
    package static func number(
        _ name: String, in range: ClosedRange<Double>, excludesLowerBound: Bool = false,
        _ help: String
    ) -> Field {
        number(
            name, within: { _ in NumberRange(range, excludesLowerBound: excludesLowerBound) }, help)
    }

    /// A number whose range depends on the vendor or the operator.
    package static func number(
        _ name: String, within range: @escaping @Sendable (FieldRules) -> NumberRange,
        _ help: String
    ) -> Field {
        Field(name, .number(range), help) { (value, path, rules) throws(FieldError) in
            try FieldReader.number(
                value, at: path, in: range(rules).numbers,
                excludingLowerBound: range(rules).excludesLowerBound)
        }
    }
}

extension Field where Value == FieldReader {
    /// An object.
    package static func object(_ name: String, of members: FieldList, _ help: String) -> Field {
        object(name, .object(members), help)
    }

    /// An object whose names the client chooses.
    package static func map(_ name: String, of value: FieldKind, _ help: String) -> Field {
        object(name, .map(of: value), help)
    }

    private static func object(_ name: String, _ kind: FieldKind, _ help: String) -> Field {
        Field(name, kind, help) { (value, path, rules) throws(FieldError) in
            try FieldReader(value, at: path, by: rules)
        }
    }
}

extension Field where Value == [FieldElement] {
    /// A list; that it has `minCount` elements, its reader checks.
    package static func array(
        _ name: String, of element: FieldKind, minCount: Int = 0,
        maxCount: @escaping @Sendable (FieldRules) -> Int, _ help: String
    ) -> Field {
        Field(name, .array(of: element, minCount: minCount, maxCount: { maxCount($0) }), help) {
            (value, path, rules) throws(FieldError) in
            guard case .array(let values) = value else {
                throw .wrongType(path, expected: "an array", found: value.kindName)
            }
            return try FieldReader.elements(of: values, at: path, maxCount: maxCount(rules))
        }
    }
}

extension Field where Value == JSONValue {
    /// A value of a kind that its reader takes apart.
    package static func value(_ name: String, _ kind: FieldKind, _ help: String) -> Field {
        Field(name, kind, help) { (value, _, _) in value }
    }
}

// MARK: Reading

extension FieldReader {
    /// What the names of a field say together; nil where a request has none of them.
    package func read<Value: Equatable>(_ field: Field<Value>) throws(FieldError) -> Value? {
        try agreed(field.declaration.names, neutral: nil) { (name) throws(FieldError) in
            try read(field, as: name)
        }
    }

    /// What the field says; nil where a request does not have it.
    package func read<Value>(_ field: Field<Value>) throws(FieldError) -> Value? {
        try read(field, as: field.name)
    }

    /// What the names of a field say together, or its default.
    package func read<Value: Equatable>(
        _ field: DefaultedField<Value>
    ) throws(FieldError) -> Value {
        try agreed(field.declaration.names, neutral: field.fallback) {
            (name) throws(FieldError) in try read(field.field, as: name)
        } ?? field.fallback
    }

    /// What a field says that a request must have.
    package func require<Value: Equatable>(_ field: Field<Value>) throws(FieldError) -> Value {
        try require(field.name, read(field))
    }

    /// What a field says that a request must have.
    package func require<Value>(_ field: Field<Value>) throws(FieldError) -> Value {
        try require(field.name, read(field))
    }

    /// Refuses a field, unless it asks for nothing.
    package func refuse(_ declaration: FieldDeclaration) throws(FieldError) {
        guard case .refused(let reason) = declaration.use,
            case .values(let neutral) = declaration.kind, let value = value(declaration.name),
            !neutral.contains(where: { $0.isSameNumber(as: value) || $0 == value })
        else { return }
        throw .unsupported(path.appending(declaration.name), reason: reason)
    }

    private func read<Value>(
        _ field: Field<Value>, as name: String
    ) throws(FieldError) -> Value? {
        guard let value = value(name) else { return nil }
        return try field.decode(value, path.appending(name), rules)
    }
}

extension JSONValue {
    fileprivate func isSameNumber(as other: JSONValue) -> Bool {
        doubleValue.map { $0 == other.doubleValue } ?? false
    }
}
