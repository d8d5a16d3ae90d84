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
        /// What is left of the other tokens after the lexeme.
        let rest: TokenTrie
        /// Whether the lexeme may end before the token, all of which is then read after it.
        let isImmediate: Bool

        /// About how many bytes it takes.
        var byteCount: Int { rest.byteCount + ending.count * MemoryLayout<Int32>.stride }
    }

    /// The tokens that stay within the lexeme.
    let staying: TokenMask

    /// The tokens that leave it.
    let branches: [Branch]

    /// What was found out by a walk.
    init(staying: TokenMask, branches: [Branch]) {
        self.staying = staying
        self.branches = branches
    }

    /// About how many bytes it takes.
    var byteCount: Int {
        branches.reduce(staying.words.count * 8 + 64) { $0 + $1.byteCount }
    }
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

    /// About how many bytes the masks take.
    var byteCount: Int { content.withLock { $0.byteCount } }
}
