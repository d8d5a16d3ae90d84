// SPDX-License-Identifier: Apache-2.0

/// A growable array of plain values, whose elements are read for each byte of a text.
///
/// A class of its own storage, so that reading costs one load and no reference count; indices are
/// made by this module only, and are checked in debug builds.
@safe
final class FlatArray<Element: BitwiseCopyable> {
    private var storage: UnsafeMutablePointer<Element>
    private var capacity: Int

    /// How many elements there are.
    private(set) var count = 0

    init() {
        capacity = 16
        unsafe storage = .allocate(capacity: capacity)
    }

    deinit { unsafe storage.deallocate() }

    subscript(index: Int) -> Element {
        get {
            assert(index >= 0 && index < count)
            return unsafe storage[index]
        }
        set {
            assert(index >= 0 && index < count)
            unsafe storage[index] = newValue
        }
    }

    /// Adds elements at the end.
    func append(_ element: Element, count added: Int = 1) {
        if count + added > capacity {
            let grown = max(2 * capacity, count + added)
            let larger = UnsafeMutablePointer<Element>.allocate(capacity: grown)
            unsafe larger.update(from: storage, count: count)
            unsafe storage.deallocate()
            unsafe storage = larger
            capacity = grown
        }
        for index in count..<(count + added) { unsafe storage[index] = element }
        count += added
    }

    /// Takes all elements out.
    func removeAll() {
        unsafe storage.deallocate()
        capacity = 16
        unsafe storage = .allocate(capacity: capacity)
        count = 0
    }

    /// How many bytes they take.
    var byteCount: Int { capacity * MemoryLayout<Element>.stride }
}
