// SPDX-License-Identifier: Apache-2.0

import JSON

/// The items that a model is to answer: those of earlier responses, then those of `input`.
struct ResponseInput {
    /// Each with the place that errors name.
    private(set) var items: [(value: JSONValue, path: FieldPath)]

    /// What `input` stands in the body as.
    let path: FieldPath

    /// Reads `input` and `previous_response_id`.
    ///
    /// - Parameters:
    ///   - fields: the body.
    ///   - limits: how many items there may be.
    ///   - storage: what they may refer to; nil where nothing is stored.
    /// - Throws: `FieldError`, which names the item.
    init(
        _ fields: FieldReader, limits: RequestLimits, storage: StoredResponses?
    ) throws(FieldError) {
        path = fields.path.appending("input")
        items = try Self.earlier(fields, storage)
        let earlierCount = items.count
        switch fields.value("input") {
        case nil: throw .missing(path)
        case .string(let text)?:
            items.append((["role": "user", "content": .string(text)], path))
        case .array(let values)?:
            items += try FieldReader.elements(of: values, at: path, maxCount: limits.maxMessages)
        case let value?:
            throw .wrongType(
                path, expected: "a string or an array of items", found: value.kindName)
        }
        guard items.count <= limits.maxMessages else {
            throw .invalid(
                path, expected: "at most \(limits.maxMessages) items with those that precede them")
        }
        try resolve(from: earlierCount, storage)
    }

    /// What a response that is to be gone on from was asked, and answered.
    private static func earlier(
        _ fields: FieldReader, _ storage: StoredResponses?
    ) throws(FieldError) -> [(value: JSONValue, path: FieldPath)] {
        guard let id = try fields.read(ResponseFields.previousResponse), !id.isEmpty
        else { return [] }
        let path = fields.path.appending("previous_response_id")
        guard let storage else {
            throw .unsupported(path, reason: StoredResponses.absence + "send all items in input")
        }
        guard let response = storage.response(id) else {
            throw .invalid(
                path, expected: "the id of a response that is stored here for the same key")
        }
        return response.context.map { ($0, path) }
    }

    /// Puts what items refer to in their places.
    private mutating func resolve(
        from start: Int, _ storage: StoredResponses?
    ) throws(FieldError) {
        var references: [(index: Int, id: String)] = []
        var known: Set<String> = []
        for index in items.indices {
            let (value, path) = items[index]
            guard index >= start, Self.isReference(value) else {
                if let id = value["id"]?.stringValue { known.insert(id) }
                continue
            }
            guard storage != nil else {
                throw .unsupported(
                    path,
                    reason: StoredResponses.absence
                        + "send the item itself, as clients do that ask for store: false")
            }
            let reference = try FieldReader(value, at: path)
            let id = try reference.require("id", reference.string("id", maxCharacters: 256))
            guard known.insert(id).inserted else {
                throw .invalid(
                    path.appending("id"), expected: "the id of an item that is not in the input yet"
                )
            }
            references.append((index, id))
        }
        guard let storage, !references.isEmpty else { return }
        let found = storage.items(references.map(\.id))
        for (index, id) in references {
            guard let item = found[id] else {
                throw .invalid(
                    items[index].path.appending("id"),
                    expected: "the id of an item of a response that is stored here for the same key"
                )
            }
            items[index].value = item
        }
    }

    /// Whether an item only names another, which the SDKs may send without a type.
    static func isReference(_ item: JSONValue) -> Bool {
        guard let object = item.objectValue else { return false }
        if object["type"] == "item_reference" { return true }
        return object["type"]?.isNull ?? true && object["role"] == nil && object["id"] != nil
    }
}
