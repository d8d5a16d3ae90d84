// SPDX-License-Identifier: Apache-2.0

/// The key/value pairs of a GGUF file, in the file's order.
package struct GGUFMetadata: Sendable, Equatable, Sequence {
    /// The keys in order.
    package private(set) var keys: [String] = []
    private var values: [String: GGUFValue] = [:]

    /// Creates metadata without keys.
    package init() {}

    /// How many keys there are.
    package var count: Int { keys.count }

    /// The value of `key`; a new key is appended, nil removes one.
    package subscript(key: String) -> GGUFValue? {
        get { values[key] }
        set {
            let old = values[key]
            values[key] = newValue
            if old == nil && newValue != nil {
                keys.append(key)
            } else if old != nil && newValue == nil {
                keys.removeAll { $0 == key }
            }
        }
    }

    /// The pairs in order.
    package func makeIterator() -> some IteratorProtocol<(key: String, value: GGUFValue)> {
        keys.lazy.compactMap { key in values[key].map { (key: key, value: $0) } }.makeIterator()
    }
}

extension GGUFMetadata: ExpressibleByDictionaryLiteral {
    /// Creates metadata of these pairs; of equal keys the last value counts.
    package init(dictionaryLiteral elements: (String, GGUFValue)...) {
        for (key, value) in elements { self[key] = value }
    }
}
