// SPDX-License-Identifier: Apache-2.0

import JSON

/// The names and constants of one schema, laid out for looking up what a text holds.
final class SchemaNames {
    /// A name that the schema mentions.
    struct Entry {
        /// The schema of `properties`.
        var property: Schema?
        var isRequired = false
        /// The entries that must be present where this one is.
        var requires: [Int] = []
        /// What the object must satisfy where this one is present.
        var schemas: [Schema] = []
        /// The name, as a string of ``tree``.
        let node: Int
    }

    /// The names, distinct.
    private(set) var entries: [Entry] = []
    /// How many names are required.
    private(set) var requiredCount = 0
    /// Whether any name asks for something where it is present.
    private(set) var hasDependencies = false
    /// The names and the constants, in one array.
    private(set) var tree = JSONTree()

    /// Entries by the hash of their name: open addressing, -1 where free.
    private var slots: [Int32] = []
    /// The values of `enum`, as nodes of ``tree``, by their hash.
    private var enumerated: [UInt64: [Int]] = [:]
    /// The value of `const`, as a node of ``tree``.
    private var constant: Int?

    /// The names and constants of a schema.
    init(_ schema: Schema) {
        var texts: [JSONValue] = []
        var indices: [ExactString: Int] = [:]
        func index(of name: String) -> Int {
            if let known = indices[ExactString(name)] { return known }
            texts.append(.string(name))
            indices[ExactString(name)] = texts.count - 1
            return texts.count - 1
        }
        let properties = schema.properties.map { (index(of: $0.name), $0.schema) }
        let required = schema.required.map(index(of:))
        let dependentRequired = schema.dependentRequired.map { dependency in
            (index(of: dependency.name), dependency.required.map(index(of:)))
        }
        let dependentSchemas = schema.dependentSchemas.map { (index(of: $0.name), $0.schema) }
        let nameCount = texts.count
        texts += schema.enumeration ?? []
        if let constant = schema.constant { texts.append(constant) }

        let bytes = JSONValue.array(texts).serializedBytes()
        // Comparing goes no deeper than the text that is compared with.
        let flaw = tree.parse(bytes[...], maxDepth: .max)
        precondition(flaw == nil, "what was serialized is not JSON")
        var node = 1
        for index in texts.indices {
            if index < nameCount {
                entries.append(Entry(node: node))
            } else if index == texts.count - 1, schema.constant != nil {
                constant = node
            } else {
                enumerated[tree.valueHash(node), default: []].append(node)
            }
            node = Int(tree.nodes[node].next)
        }
        for (index, property) in properties { entries[index].property = property }
        for index in required where !entries[index].isRequired {
            entries[index].isRequired = true
            requiredCount += 1
        }
        for (index, requires) in dependentRequired { entries[index].requires += requires }
        for (index, schema) in dependentSchemas { entries[index].schemas.append(schema) }
        hasDependencies = !dependentRequired.isEmpty || !dependentSchemas.isEmpty
        fillSlots()
    }

    private func fillSlots() {
        var count = 4
        while count < 2 * entries.count { count *= 2 }
        slots = [Int32](repeating: -1, count: count)
        for index in entries.indices {
            var slot = Int(truncatingIfNeeded: tree.nodes[entries[index].node].hash) & (count - 1)
            while slots[slot] >= 0 { slot = (slot + 1) & (count - 1) }
            slots[slot] = Int32(index)
        }
    }

    /// The entry of a key of another tree.
    func entry(of key: Int, in other: borrowing JSONTree) -> Int? {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: other.nodes[key].hash) & mask
        while slots[slot] >= 0 {
            let index = Int(slots[slot])
            if other.isEqualString(key, tree, entries[index].node) { return index }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// A name as it stands in messages.
    func text(of entry: Int) -> String {
        let node = tree.nodes[entries[entry].node]
        return "\"" + String(decoding: tree.bytes[node.start..<node.end], as: UTF8.self) + "\""
    }

    /// Whether a value of another tree is one of those of `enum`.
    ///
    /// - Parameters:
    ///   - node: a value of `other`.
    ///   - other: the tree.
    ///   - hash: the value's.
    /// - Returns: whether it is.
    func enumerates(_ node: Int, of other: borrowing JSONTree, hash: UInt64) -> Bool {
        for candidate in enumerated[hash, default: []]
        where other.isEqual(node, tree, candidate) { return true }
        return false
    }

    /// Whether a value of another tree is that of `const`.
    func isConstant(_ node: Int, of other: borrowing JSONTree) -> Bool {
        constant.map { other.isEqual(node, tree, $0) } ?? false
    }
}
