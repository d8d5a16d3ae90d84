// SPDX-License-Identifier: Apache-2.0

/// What has been read of the items of arrays in which no two may be equal.
///
/// Kept with the text that they are in, and given up with its bytes, so that a long array is not
/// read again for each token that could end an item.
struct ItemNotes {
    /// An item that a comma follows.
    struct Item {
        /// What equal values share.
        var hash: UInt64
        /// The bytes of the text that it and white space around it take.
        var start: Int32
        var end: Int32
        /// The item before it that has the same hash; -1 where there is none.
        var same: Int32 = -1
    }

    /// The items of one array.
    struct List {
        /// Those that a comma follows, in order.
        private var items: [Item] = []
        /// Where the first item that is not among them begins.
        private(set) var end: Int
        /// The last item of each hash.
        private var places: [UInt64: Int32] = [:]
        /// When it was last used.
        fileprivate var use = 0

        /// No items of an array whose bracket stands at an offset.
        init(at offset: Int) { end = offset + 1 }

        /// Whether any item of a hash is as a value is.
        func contains(_ hash: UInt64, where isEqual: (Item) -> Bool) -> Bool {
            var place = places[hash] ?? -1
            while place >= 0 {
                let item = items[Int(place)]
                if isEqual(item) { return true }
                place = item.same
            }
            return false
        }

        /// Adds the next item.
        mutating func append(_ item: Item) {
            var item = item
            item.same = places.updateValue(Int32(items.count), forKey: item.hash) ?? -1
            items.append(item)
            end = Int(item.end) + 1
        }

        /// Gives up the items whose commas are not among the first bytes of the text.
        mutating func truncate(to count: Int) {
            while end > count, let last = items.popLast() {
                places[last.hash] = last.same < 0 ? nil : last.same
                end = Int(last.start)
            }
        }
    }

    /// How many arrays are remembered: few are open at once.
    private static let maxLists = 64

    private var lists: [Int: List] = [:]
    private var useCount = 0

    /// The last byte of the text that anything is noted about, and one more.
    private(set) var end = 0

    /// Has the items of the array whose bracket stands at an offset.
    mutating func withList<Result>(at offset: Int, _ body: (inout List) -> Result) -> Result {
        // Taken out, so that it is changed in place.
        var list = lists.removeValue(forKey: offset) ?? List(at: offset)
        let result = body(&list)
        useCount += 1
        list.use = useCount
        end = max(end, list.end)
        if lists.count >= Self.maxLists,
            let oldest = lists.min(by: { $0.value.use < $1.value.use })?.key
        {
            lists[oldest] = nil
        }
        lists[offset] = list
        return result
    }

    /// Gives up what is not about the first bytes of the text.
    mutating func truncate(to count: Int) {
        end = 0
        for offset in Array(lists.keys) {
            guard offset < count else {
                lists[offset] = nil
                continue
            }
            lists[offset]?.truncate(to: count)
            end = max(end, lists[offset]?.end ?? 0)
        }
    }
}

/// Reads the items of arrays in which no two may be equal.
struct ItemReader {
    private let maxDepth: Int
    private var tree = JSONTree()
    private var other = JSONTree()

    /// A reader of items that nest so deep at most.
    init(maxDepth: Int) { self.maxDepth = maxDepth }

    /// Whether the item that a text ends with differs from those before it; false where no item
    /// ends there.
    ///
    /// - Parameters:
    ///   - offset: of the array's opening bracket.
    ///   - text: all bytes so far.
    ///   - last: the byte that completes the item, where that is not among them yet.
    /// - Returns: whether it does.
    /// - Complexity: O(n), where n is the length of what was not noted before, if hashes differ.
    mutating func isLastItemNew(
        ofArrayAt offset: Int, in text: RecognizedText, with last: UInt8?
    ) -> Bool {
        let bytes = text.bytes
        guard offset >= 0, offset < bytes.count else { return false }
        return text.items.withList(at: offset) { list in
            noteItems(of: bytes, in: &list)
            guard list.end <= bytes.count else { return false }
            var item = Array(bytes[list.end...])
            if let last { item.append(last) }
            guard tree.parse(item[...], maxDepth: maxDepth) == nil else { return false }
            return !list.contains(tree.valueHash(0)) { earlier in
                let text = bytes[Int(earlier.start)..<Int(earlier.end)]
                return other.parse(text, maxDepth: maxDepth) == nil && tree.isEqual(0, other, 0)
            }
        }
    }

    /// Notes the items that a comma follows.
    private mutating func noteItems(of bytes: ArraySlice<UInt8>, in list: inout ItemNotes.List) {
        var depth = 0
        var index = list.end
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index += 1
                while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
                    index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
                }
            case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            case UInt8(ascii: ",") where depth == 0:
                let start = list.end
                guard tree.parse(bytes[start..<index], maxDepth: maxDepth) == nil else { return }
                list.append(
                    .init(
                        hash: tree.valueHash(0), start: Int32(clamping: start),
                        end: Int32(clamping: index)))
            default: break
            }
            index += 1
        }
    }
}
