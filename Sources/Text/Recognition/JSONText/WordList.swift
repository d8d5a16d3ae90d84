// SPDX-License-Identifier: Apache-2.0

/// A finite set of byte strings, read as a trie whose nodes are made when first reached.
final class WordList {
    /// The words, in byte order.
    let words: [[UInt8]]

    /// The number that each word was given with.
    let marks: [Int]

    private struct Node {
        var low: Int32
        var high: Int32
        var depth: Int32
        /// Where the node's children begin in ``children``; -1 until they are made.
        var firstChild: Int32 = -1
        var childCount: Int32 = 0
    }

    private var nodes: [Node]
    private var children: [(byte: UInt8, node: Int32)] = []

    /// A set of words.
    ///
    /// Each has a number that is to be found for it; of equal words the first counts.
    init(_ words: [(word: [UInt8], mark: Int)]) {
        var ordered = words.enumerated().sorted { left, right in
            left.element.word == right.element.word
                ? left.offset < right.offset
                : left.element.word.lexicographicallyPrecedes(right.element.word)
        }.map(\.element)
        var kept = 0
        for index in ordered.indices
        where kept == 0 || ordered[kept - 1].word != ordered[index].word {
            ordered[kept] = ordered[index]
            kept += 1
        }
        ordered.removeLast(ordered.count - kept)
        self.words = ordered.map(\.word)
        marks = ordered.map(\.mark)
        nodes = [Node(low: 0, high: Int32(kept), depth: 0)]
    }

    /// The node after one more byte; -1 where no word goes on so.
    func next(_ node: Int32, _ byte: UInt8) -> Int32 {
        if nodes[Int(node)].firstChild < 0 { expand(node) }
        let first = Int(nodes[Int(node)].firstChild)
        var (low, high) = (first, first + Int(nodes[Int(node)].childCount))
        while low < high {
            let middle = (low + high) / 2
            if children[middle].byte < byte { low = middle + 1 } else { high = middle }
        }
        return low < first + Int(nodes[Int(node)].childCount) && children[low].byte == byte
            ? children[low].node : -1
    }

    private func expand(_ node: Int32) {
        let parent = nodes[Int(node)]
        let depth = Int(parent.depth)
        var low = Int(parent.low)
        if low < Int(parent.high), words[low].count == depth { low += 1 }
        let first = children.count
        while low < Int(parent.high) {
            let byte = words[low][depth]
            var high = low + 1
            while high < Int(parent.high), words[high][depth] == byte { high += 1 }
            children.append((byte, Int32(nodes.count)))
            nodes.append(Node(low: Int32(low), high: Int32(high), depth: Int32(depth + 1)))
            low = high
        }
        nodes[Int(node)].firstChild = Int32(first)
        nodes[Int(node)].childCount = Int32(children.count - first)
    }

    /// The index of the word that ends at a node; nil where none does.
    func word(at node: Int32) -> Int? {
        let (low, high) = (Int(nodes[Int(node)].low), Int(nodes[Int(node)].high))
        return low < high && words[low].count == Int(nodes[Int(node)].depth) ? low : nil
    }

    /// The indices of the words that begin as a node does.
    func range(at node: Int32) -> Range<Int> {
        Int(nodes[Int(node)].low)..<Int(nodes[Int(node)].high)
    }

    /// The index of a word; nil where it is none of the set.
    func index(of word: [UInt8]) -> Int? {
        var (low, high) = (0, words.count)
        while low < high {
            let middle = (low + high) / 2
            if words[middle].lexicographicallyPrecedes(word) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low < words.count && words[low] == word ? low : nil
    }

    /// About how many bytes it takes.
    var byteCount: Int {
        nodes.count * MemoryLayout<Node>.stride + children.count * 8 + words.count * 64
    }
}
