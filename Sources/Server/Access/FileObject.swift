// SPDX-License-Identifier: Apache-2.0

package import JSON

/// An object of a file that is read member by member: what nobody has read is an error, for a member
/// that is spelt wrong might have been a limit.
struct FileObject {
    private let path: String
    private let place: String
    private let object: JSONObject
    private var seen: Set<String> = []

    /// An object.
    ///
    /// - Parameters:
    ///   - value: what stands there.
    ///   - path: the file.
    ///   - place: where in it.
    /// - Throws: ``AccessError`` where it is no object.
    init(_ value: JSONValue, in path: String, at place: String = "") throws(AccessError) {
        self.path = path
        self.place = place
        guard let object = value.objectValue else {
            throw .invalid(
                path: path, place: place, expected: "an object", found: value.kindName)
        }
        self.object = object
    }

    /// What is wrong with a member.
    func failure(_ key: String, expected: String, found: String? = nil) -> AccessError {
        .invalid(
            path: path, place: place.isEmpty ? key : "\(place).\(key)", expected: expected,
            found: found ?? object[key].map { shown($0) } ?? "nothing")
    }

    private func shown(_ value: JSONValue) -> String {
        // A text may be a secret that stands in the wrong place.
        switch value {
        case .integer, .bool, .null: value.serialized()
        default: value.kindName
        }
    }

    private mutating func value(_ key: String) -> JSONValue? {
        seen.insert(key)
        guard let value = object[key], !value.isNull else { return nil }
        return value
    }

    mutating func integer(_ key: String, in range: ClosedRange<Int>) throws(AccessError) -> Int? {
        guard let value = value(key) else { return nil }
        guard let number = value.intValue, range.contains(number) else {
            throw failure(
                key, expected: "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    mutating func bool(_ key: String) throws(AccessError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let bool = value.boolValue else { throw failure(key, expected: "true or false") }
        return bool
    }

    mutating func text(_ key: String, maxBytes: Int = 256) throws(AccessError) -> String? {
        guard let value = value(key) else { return nil }
        guard let text = value.stringValue, (1...maxBytes).contains(text.utf8.count) else {
            throw failure(key, expected: "a text of 1 to \(maxBytes) bytes")
        }
        return text
    }

    mutating func texts(_ key: String) throws(AccessError) -> [String]? {
        guard let value = value(key) else { return nil }
        let texts = value.arrayValue?.compactMap(\.stringValue)
        guard let texts, texts.count == value.arrayValue?.count, !texts.isEmpty else {
            throw failure(key, expected: "a list of texts that is not empty")
        }
        return texts
    }

    mutating func bytes(_ key: String, count: Int) throws(AccessError) -> [UInt8] {
        guard let text = value(key)?.stringValue, let bytes = Base64URL.decoded(text),
            bytes.count == count
        else { throw failure(key, expected: "\(count) bytes in base64url") }
        return bytes
    }

    /// The objects of a list, each with what reads it.
    mutating func objects<Element>(
        _ key: String, _ read: (inout FileObject) throws(AccessError) -> Element
    ) throws(AccessError) -> [Element] {
        guard let value = value(key) else { return [] }
        guard let values = value.arrayValue else { throw failure(key, expected: "a list") }
        var elements: [Element] = []
        for (index, value) in values.enumerated() {
            let place = (place.isEmpty ? "" : "\(place).") + "\(key)[\(index)]"
            var object = try FileObject(value, in: path, at: place)
            elements.append(try read(&object))
            try object.finish()
        }
        return elements
    }

    /// The members of an object whose names are anybody's.
    mutating func members(_ key: String) throws(AccessError) -> JSONObject? {
        guard let value = value(key) else { return nil }
        guard let object = value.objectValue, !object.isEmpty else {
            throw failure(key, expected: "an object that is not empty")
        }
        return object
    }

    mutating func require<Value>(
        _ key: String, _ value: Value?, expected: String
    ) throws(AccessError) -> Value {
        guard let value else { throw failure(key, expected: expected) }
        return value
    }

    /// Refuses members that nobody has read.
    func finish() throws(AccessError) {
        guard let key = object.keys.first(where: { !seen.contains($0) }) else { return }
        throw failure(
            key, expected: "one of " + seen.sorted().joined(separator: ", "),
            found: "this member")
    }
}

extension AccessLimits {
    /// Reads limits among the members of an object.
    init(_ object: inout FileObject) throws(AccessError) {
        self.init()
        models = try object.texts("models")
        if let names = try object.texts("families") {
            families = []
            for name in names {
                guard let family = AccessFamily(held: name) else {
                    throw object.failure(
                        "families", expected: "some of \(AccessFamily.heldNames)",
                        found: "another name")
                }
                families?.append(family)
            }
        }
        for limit in NumericLimit.all {
            self[keyPath: limit.field] = try object.integer(limit.name, in: limit.range)
        }
        mayBatch = try object.bool("batch") ?? true
        keepsContent = try object.bool("audit-content") ?? false
        isAdmin = try object.bool("admin") ?? false
    }

    /// The members that write the limits, without those that nobody has set.
    var members: [(String, JSONValue)] {
        var members: [(String, JSONValue)] = []
        if let models { members.append(("models", .array(models.map { .string($0) }))) }
        if let families {
            members.append(("families", .array(families.map { .string($0.rawValue) })))
        }
        for limit in NumericLimit.all {
            if let number = limit.value(in: self) { members.append((limit.name, .integer(number))) }
        }
        if !mayBatch { members.append(("batch", false)) }
        if keepsContent { members.append(("audit-content", true)) }
        if isAdmin { members.append(("admin", true)) }
        return members
    }

    /// What is limited, on one line; empty where nothing is.
    package var summary: String {
        members.map { name, value in
            guard let values = value.arrayValue else { return "\(name)=\(value.serialized())" }
            return name + "=" + values.compactMap(\.stringValue).joined(separator: ",")
        }.joined(separator: " ")
    }

    /// The same as an object.
    package var json: JSONObject { JSONObject(members) }
}
