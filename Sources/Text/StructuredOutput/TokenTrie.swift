// SPDX-License-Identifier: Apache-2.0

/// The spellings of tokens, or the ends of them, as a tree: flat, depth first, children by byte.
///
/// A walk goes from node to node in order and skips from a byte that does not fit to the end of its
/// subtree, so that it touches memory only forwards.
struct TokenTrie: Sendable {
    /// A byte of one or more spellings, with what follows it right behind.
    struct Node: Sendable {
        /// The index after the last node of the subtree.
        var end: Int32
        /// The token that is complete with this byte; -1 for none; `-2 - index` for a list of several.
        var token: Int32
        /// How many bytes come before this one.
        var depth: UInt16
        /// The byte.
        var byte: UInt8
        /// How many more bytes the longest spelling below has; 255 for that many and more.
        var height: UInt8 = 0
    }

    /// A token's bytes, or their end: a range of some storage, and the token.
    struct Spelling {
        fileprivate var key: UInt64
        var start: Int32
        var count: Int32
        var token: Int32

        /// The spelling that lies there in a storage.
        init(token: Int32, start: Int, count: Int, in storage: [UInt8]) {
            var key: UInt64 = 0
            for index in 0..<8 {
                key = key << 8 | (index < count ? UInt64(storage[start + index]) : 0)
            }
            self.key = key
            self.start = Int32(start)
            self.count = Int32(count)
            self.token = token
        }
    }

    /// All nodes, depth first.
    private(set) var nodes: [Node] = []

    /// Tokens with equal bytes: for each list their number, then the tokens.
    private(set) var lists: [Int32] = []

    /// The length of the longest spelling.
    private(set) var depth = 0

    /// A tree of spellings, none of them empty.
    init(_ spellings: [Spelling], in storage: [UInt8]) {
        let sorted = spellings.sorted { Self.precedes($0, $1, storage) }
        nodes.reserveCapacity(sorted.count * 2)
        var path: [Int] = []
        var index = 0
        while index < sorted.count {
            let spelling = sorted[index]
            let count = Int(spelling.count)
            var shared = 0
            while shared < min(path.count, count),
                nodes[path[shared]].byte == storage[Int(spelling.start) + shared]
            {
                shared += 1
            }
            close(&path, downTo: shared)
            for place in shared..<count {
                path.append(nodes.count)
                nodes.append(
                    Node(
                        end: 0, token: -1, depth: UInt16(truncatingIfNeeded: place),
                        byte: storage[Int(spelling.start) + place]))
            }
            depth = max(depth, count)
            var last = index + 1
            while last < sorted.count, Self.isEqual(sorted[last], spelling, storage) { last += 1 }
            nodes[nodes.count - 1].token = token(of: sorted[index..<last])
            index = last
        }
        close(&path, downTo: 0)
    }

    private mutating func close(_ path: inout [Int], downTo count: Int) {
        while path.count > count {
            let node = path.removeLast()
            nodes[node].end = Int32(nodes.count)
            if let parent = path.last {
                let height = nodes[node].height
                nodes[parent].height = max(
                    nodes[parent].height, height == .max ? height : height + 1)
            }
        }
    }

    private mutating func token(of spellings: ArraySlice<Spelling>) -> Int32 {
        guard spellings.count > 1, let first = spellings.first else {
            return spellings.first?.token ?? -1
        }
        // The ends of different tokens may be the same end of one token twice.
        var tokens = [first.token]
        for spelling in spellings where spelling.token != tokens.last {
            tokens.append(spelling.token)
        }
        if tokens.count == 1 { return first.token }
        let place = Int32(lists.count)
        lists.append(Int32(tokens.count))
        lists += tokens
        return -2 - place
    }

    private static func precedes(_ left: Spelling, _ right: Spelling, _ storage: [UInt8]) -> Bool {
        if left.key != right.key { return left.key < right.key }
        var index: Int32 = 0
        let shared = min(left.count, right.count)
        while index < shared {
            let (a, b) = (storage[Int(left.start + index)], storage[Int(right.start + index)])
            if a != b { return a < b }
            index += 1
        }
        return left.count != right.count ? left.count < right.count : left.token < right.token
    }

    private static func isEqual(_ left: Spelling, _ right: Spelling, _ storage: [UInt8]) -> Bool {
        guard left.key == right.key, left.count == right.count else { return false }
        for index in 0..<left.count
        where storage[Int(left.start + index)] != storage[Int(right.start + index)] {
            return false
        }
        return true
    }

    /// Calls for each token that is complete with a node.
    func forEachToken(of node: Node, _ body: (Int32) -> Void) {
        if node.token >= 0 {
            body(node.token)
        } else if node.token < -1 {
            let place = Int(-2 - node.token)
            for index in 1...Int(lists[place]) { body(lists[place + index]) }
        }
    }

    /// The node of the last of some bytes; nil where no spelling begins with them.
    func node(of bytes: ArraySlice<UInt8>) -> Int? {
        var found: Int?
        var nodes = 0..<self.nodes.count
        for byte in bytes {
            guard let node = child(of: byte, in: nodes) else { return nil }
            found = node
            nodes = node + 1..<Int(self.nodes[node].end)
        }
        return found
    }

    /// The longest spelling that some bytes begin with, and its length.
    func longestToken(of bytes: ArraySlice<UInt8>) -> (token: Int32, count: Int)? {
        var found: (Int32, Int)?
        var nodes = 0..<self.nodes.count
        for (index, byte) in bytes.enumerated() {
            guard let node = child(of: byte, in: nodes) else { break }
            let token = self.nodes[node].token
            if token >= 0 { found = (token, index + 1) }
            if token < -1 { found = (lists[Int(-2 - token) + 1], index + 1) }
            nodes = node + 1..<Int(self.nodes[node].end)
        }
        return found
    }

    private func child(of byte: UInt8, in range: Range<Int>) -> Int? {
        var index = range.lowerBound
        while index < range.upperBound {
            if nodes[index].byte == byte { return index }
            index = Int(nodes[index].end)
        }
        return nil
    }

    /// About how many bytes it takes.
    var byteCount: Int {
        nodes.count * MemoryLayout<Node>.stride + lists.count * MemoryLayout<Int32>.stride
    }
}
