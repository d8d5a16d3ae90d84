// SPDX-License-Identifier: Apache-2.0

/// The members of a JSON object, in the order in which their keys first appeared.
///
/// Keys are told apart by their code points, as JSON does, not by canonical equivalence, as
/// `String` does: a vocabulary holds both `K` and the Kelvin sign U+212A.
///
/// Equality and hashing ignore the order, as RFC 8259 §4 asks of objects; iteration and
/// serialization keep it.
package struct JSONObject: Sendable {
    /// The keys, in order.
    package private(set) var keys: [String] = []
    /// The values, in the order of ``keys``.
    package private(set) var values: [JSONValue] = []
    /// Key to index in ``keys``; empty while a linear search is as fast.
    private var indices: [ExactString: Int] = [:]

    private static let linearSearchCount = 8

    /// An object without members.
    package init() {}

    /// An object of these members; of equal keys the last value wins in the first one's place.
    package init(_ members: some Swift.Sequence<(String, JSONValue)>) {
        for (key, value) in members { self[key] = value }
    }

    /// How many members there are.
    package var count: Int { keys.count }

    /// Whether there are no members.
    package var isEmpty: Bool { keys.isEmpty }

    /// The value of a key.
    ///
    /// Setting an existing key keeps its place; setting nil removes it.
    ///
    /// - Complexity: O(1), removal O(n).
    package subscript(key: String) -> JSONValue? {
        get { index(of: key).map { values[$0] } }
        set {
            switch (index(of: key), newValue) {
            case (let index?, let value?): values[index] = value
            case (let index?, nil): remove(at: index)
            case (nil, let value?): append(key, value)
            case (nil, nil): break
            }
        }
    }

    /// Whether the key is present, be its value null.
    package func contains(_ key: String) -> Bool { index(of: key) != nil }

    /// The JSON text of this object; see ``JSONValue/serialized(_:)``.
    package func serialized(_ style: JSONStyle = .compact) -> String {
        JSONValue.object(self).serialized(style)
    }

    private func index(of key: String) -> Int? {
        indices.isEmpty
            ? keys.firstIndex { ExactString($0) == ExactString(key) } : indices[ExactString(key)]
    }

    private mutating func append(_ key: String, _ value: JSONValue) {
        keys.append(key)
        values.append(value)
        if !indices.isEmpty {
            indices[ExactString(key)] = keys.count - 1
        } else if keys.count > Self.linearSearchCount {
            rebuildIndices()
        }
    }

    private mutating func remove(at index: Int) {
        keys.remove(at: index)
        values.remove(at: index)
        indices = [:]
        if keys.count > Self.linearSearchCount { rebuildIndices() }
    }

    private mutating func rebuildIndices() {
        indices.reserveCapacity(2 * keys.count)
        for (index, key) in keys.enumerated() { indices[ExactString(key)] = index }
    }
}

/// A string that equals only the same sequence of code points, and hashes likewise.
///
/// `String` hashes all spellings of a text alike, the composed and the decomposed ones. Since here
/// they are different keys, whoever sends thousands of them would have each compared with all the
/// others.
package struct ExactString: Hashable {
    /// The string.
    package let text: String

    /// A string to be told apart by its code points.
    package init(_ text: String) { self.text = text }

    package static func == (left: Self, right: Self) -> Bool {
        left.text.utf8.count == right.text.utf8.count
            && left.text.utf8.elementsEqual(right.text.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        var word: UInt64 = 0
        var count = 0
        for byte in text.utf8 {
            word = word << 8 | UInt64(byte)
            count += 1
            if count.isMultiple(of: 8) {
                hasher.combine(word)
                word = 0
            }
        }
        hasher.combine(word)
        hasher.combine(count)
    }
}

extension JSONObject: Hashable {
    package static func == (left: Self, right: Self) -> Bool {
        guard left.count == right.count else { return false }
        return left.allSatisfy { right[$0.key] == $0.value }
    }

    package func hash(into hasher: inout Hasher) {
        var unordered = 0
        for (key, value) in self {
            var member = Hasher()
            member.combine(ExactString(key))
            member.combine(value)
            unordered ^= member.finalize()
        }
        hasher.combine(count)
        hasher.combine(unordered)
    }
}

extension JSONObject: Swift.Sequence {
    /// Walks the members in order.
    package struct Iterator: IteratorProtocol {
        private let object: JSONObject
        private var index = 0

        fileprivate init(_ object: JSONObject) { self.object = object }

        package mutating func next() -> (key: String, value: JSONValue)? {
            guard index < object.keys.count else { return nil }
            defer { index += 1 }
            return (object.keys[index], object.values[index])
        }
    }

    package func makeIterator() -> Iterator { Iterator(self) }

    package var underestimatedCount: Int { count }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements) }
}
