// SPDX-License-Identifier: Apache-2.0

/// Many short byte strings in one flat buffer, by index.
package struct ByteStrings: Sendable {
    private(set) var storage: [UInt8] = []
    private var ends: [UInt32] = []

    /// The number of strings.
    package var count: Int { ends.count }

    /// Creates an empty collection.
    package init() {}

    /// Creates a collection of the strings' UTF-8 bytes.
    package init(_ strings: [String]) {
        for string in strings { append(string.utf8) }
    }

    /// The bytes of the string at an index.
    package subscript(index: Int) -> ArraySlice<UInt8> { storage[range(of: index)] }

    /// Where in `storage` the string lies.
    func range(of index: Int) -> Range<Int> {
        let start = index == 0 ? 0 : Int(ends[index - 1])
        return start..<Int(ends[index])
    }

    /// Adds a string at the end.
    ///
    /// - Precondition: all strings together are shorter than 4 GiB; loaders bound their files.
    package mutating func append(_ bytes: some Sequence<UInt8>) {
        storage.append(contentsOf: bytes)
        ends.append(UInt32(storage.count))
    }

    /// Makes room for strings to come.
    package mutating func reserveCapacity(count: Int, byteCount: Int) {
        ends.reserveCapacity(count)
        storage.reserveCapacity(byteCount)
    }
}
