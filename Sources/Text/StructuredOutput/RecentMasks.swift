// SPDX-License-Identifier: Apache-2.0

/// What was made for some keys and used lately, within a number of bytes.
///
/// Two generations: what is not asked for while the younger one fills up goes with the older one.
struct RecentMasks<Key: Hashable, Value> {
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]
    private var youngByteCount = 0
    private var oldByteCount = 0
    private let maxBytes: Int

    /// Nothing yet, and never more than so many bytes.
    init(maxBytes: Int) {
        self.maxBytes = maxBytes
    }

    /// What was kept for a key.
    ///
    /// - Parameters:
    ///   - key: of the value.
    ///   - byteCount: about how many bytes it takes.
    /// - Returns: the value; nil where none was kept, or not any more.
    mutating func value(of key: Key, byteCount: (Value) -> Int) -> Value? {
        if let value = young[key] { return value }
        guard let value = old[key] else { return nil }
        insert(value, of: key, byteCount: byteCount(value))
        return value
    }

    /// Keeps a value.
    mutating func insert(_ value: Value, of key: Key, byteCount: Int) {
        if youngByteCount + byteCount > maxBytes / 2 {
            old = young
            oldByteCount = youngByteCount
            young = [:]
            youngByteCount = 0
        }
        if young.updateValue(value, forKey: key) == nil { youngByteCount += byteCount }
    }

    /// About how many bytes all of it takes.
    var byteCount: Int { youngByteCount + oldByteCount }
}
