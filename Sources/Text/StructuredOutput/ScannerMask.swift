// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What a scanner makes of every token of a vocabulary, whatever stands around its lexeme.
final class ScannerMask: Sendable {
    /// The tokens that leave the lexeme by one exit.
    struct Branch: Sendable {
        /// How the lexeme is left.
        let exit: Int32
        /// The tokens that end with the lexeme.
        let ending: [Int32]
        /// The other tokens, by the first byte behind the lexeme.
        let groups: [TokenGroup]
        /// Whether the lexeme may end before the token, all of which is then read after it.
        let isImmediate: Bool

        /// About how many bytes it takes.
        var byteCount: Int {
            groups.reduce(ending.count * MemoryLayout<Int32>.stride) { $0 + $1.byteCount }
        }
    }

    /// Tokens that leave the lexeme as they would leave a string without rules.
    struct StringBranch: Sendable {
        /// How the lexeme is left.
        let exit: Int32
        /// The tokens that would leave such a string, but not this lexeme, or not so.
        let exceptions: [Int32]
    }

    /// The tokens that stay within the lexeme.
    let staying: TokenMask

    /// The tokens that leave it.
    let branches: [Branch]

    /// The tokens that leave it like a string, if any do.
    let stringBranch: StringBranch?

    /// What was found out by a walk.
    init(staying: TokenMask, branches: [Branch], stringBranch: StringBranch? = nil) {
        self.staying = staying
        self.branches = branches
        self.stringBranch = stringBranch
    }

    /// About how many bytes it takes.
    var byteCount: Int {
        branches.reduce(staying.words.count * 8 + 128) { $0 + $1.byteCount }
            + (stringBranch?.exceptions.count ?? 0) * MemoryLayout<Int32>.stride
    }
}

/// Ends of tokens that begin with one byte, as nodes of the vocabulary's tree.
final class TokenGroup: Sendable {
    /// The byte.
    let byte: UInt8

    /// The nodes of that byte; the tokens below each have different bytes before.
    let nodes: [Int32]

    private let merged = Mutex<TokenTrie?>(nil)

    /// The ends below these nodes.
    init(byte: UInt8, nodes: [Int32]) {
        self.byte = byte
        self.nodes = nodes
    }

    /// All ends as one tree, made when it is first needed.
    func trie(of vocabulary: ConstraintVocabulary) -> TokenTrie {
        merged.withLock { merged in
            if let merged { return merged }
            var ends: [TokenTrie.Spelling] = []
            forEachToken(of: vocabulary) { token, used in
                let range = vocabulary.range(of: token)
                ends.append(
                    TokenTrie.Spelling(
                        token: token, start: range.lowerBound + used, count: range.count - used,
                        in: vocabulary.storage))
            }
            let trie = TokenTrie(ends, in: vocabulary.storage)
            merged = trie
            return trie
        }
    }

    /// Calls with each token and how many bytes it has before the byte.
    func forEachToken(of vocabulary: ConstraintVocabulary, _ body: (Int32, Int) -> Void) {
        let trie = vocabulary.trie
        for node in nodes {
            let first = trie.nodes[Int(node)]
            for index in Int(node)..<Int(first.end) {
                trie.forEachToken(of: trie.nodes[index]) { body($0, Int(first.depth)) }
            }
        }
    }

    /// About how many bytes it takes, with the tree that may be made.
    var byteCount: Int { 64 + nodes.count * 32 }
}

/// Masks of scanners that many constraints have in common, by the scanners' identities.
final class ScannerMaskCache: Sendable {
    private struct Content {
        var masks: [UInt64: ScannerMask] = [:]
        var byteCount = 0
    }

    private let maxBytes: Int
    private let content = Mutex(Content())

    /// An empty cache of at most so many bytes.
    init(maxBytes: Int) {
        self.maxBytes = maxBytes
    }

    /// The mask of an identity, if it has been made.
    func mask(of identity: UInt64) -> ScannerMask? { content.withLock { $0.masks[identity] } }

    /// Keeps a mask; begins anew where that would be too many.
    func insert(_ mask: ScannerMask, of identity: UInt64) {
        content.withLock { content in
            guard content.masks[identity] == nil else { return }
            if content.byteCount + mask.byteCount > maxBytes { content = Content() }
            content.masks[identity] = mask
            content.byteCount += mask.byteCount
        }
    }
}
