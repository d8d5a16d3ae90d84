// SPDX-License-Identifier: Apache-2.0

package import Recognition
import Synchronization
package import Tokenization

/// A vocabulary as constraints need it: its tokens' bytes as a tree, and its end tokens.
///
/// Prepared once for each model and shared by all constraints, with the masks that depend on no
/// constraint, such as that of a string without rules.
package final class ConstraintVocabulary: Sendable {
    /// Tokens of more bytes are never allowed.
    static let maxTokenByteCount = 4096

    /// The tokens' text and back.
    package let tokenizer: any Tokenizer

    /// The number of ids.
    package let tokenCount: Int

    /// The ids that end an answer, ascending.
    package let endTokens: [Int32]

    /// All tokens that have bytes.
    let trie: TokenTrie

    /// The bytes of all tokens, one after the other.
    let storage: [UInt8]

    /// Where each token's bytes begin, and the end of the last.
    private let starts: [Int32]

    /// What scanners that many constraints have in common allow.
    let sharedMasks = ScannerMaskCache(maxBytes: 64 << 20)

    private let reference = Mutex<StringReference?>(nil)

    /// What a string without rules makes of the tokens.
    var stringReference: StringReference? { reference.withLock { $0 } }

    /// Prepares a vocabulary, which takes tens of milliseconds.
    package init(_ tokenizer: any Tokenizer) {
        self.tokenizer = tokenizer
        tokenCount = tokenizer.vocabularyCount
        endTokens = tokenizer.eosTokenIDs.filter { $0 >= 0 && Int($0) < tokenizer.vocabularyCount }
            .sorted()
        var storage: [UInt8] = []
        var starts: [Int32] = [0]
        starts.reserveCapacity(tokenCount + 1)
        var spellings: [TokenTrie.Spelling] = []
        spellings.reserveCapacity(tokenCount)
        let ends = Set(endTokens)
        for token in 0..<Int32(tokenCount) {
            let start = storage.count
            if !tokenizer.isControl(token), !ends.contains(token) {
                tokenizer.append(bytesOf: token, to: &storage)
                if storage.count - start > Self.maxTokenByteCount {
                    storage.removeLast(storage.count - start)
                }
            }
            starts.append(Int32(storage.count))
        }
        for token in 0..<tokenCount where starts[token + 1] > starts[token] {
            spellings.append(
                TokenTrie.Spelling(
                    token: Int32(token), start: Int(starts[token]),
                    count: Int(starts[token + 1] - starts[token]), in: storage))
        }
        trie = TokenTrie(spellings, in: storage)
        self.storage = storage
        self.starts = starts
        let made = StringReference(self)
        reference.withLock { $0 = made }
    }

    /// Where the bytes of a token lie in ``storage``; empty for control and end tokens and for ids
    /// that do not exist.
    func range(of token: Int32) -> Range<Int> {
        guard token >= 0, Int(token) < tokenCount else { return 0..<0 }
        return Int(starts[Int(token)])..<Int(starts[Int(token) + 1])
    }

    /// The length of the longest token.
    var longestTokenByteCount: Int { trie.depth }

    /// The tokens that structures may name.
    package var controls: ControlTokens {
        ControlTokens(
            id: { [self] name in
                tokenizer.id(ofControl: name).flatMap { range(of: $0).isEmpty ? $0 : nil }
            },
            isControl: { [self] token in
                token >= 0 && Int(token) < tokenCount && range(of: token).isEmpty
            })
    }

    /// Whether a token ends an answer.
    package func isEnd(_ token: Int32) -> Bool { endTokens.contains(token) }

    /// About how many bytes the tree takes.
    package var byteCount: Int {
        trie.byteCount + storage.count + starts.count * MemoryLayout<Int32>.stride
    }

    // MARK: Spelling

    /// The tokens of some bytes, of as many of them as are whole characters.
    ///
    /// Those that the tokenizer has for the text, if they stand for exactly these bytes, or else the
    /// longest that fit.
    ///
    /// - Parameters:
    ///   - bytes: UTF-8; what is not is left out, with all that follows.
    ///   - beginsText: whether nothing comes before; then a tokenizer's own leading space does.
    /// - Returns: the tokens; empty where some byte has no token.
    package func tokens(of bytes: [UInt8], beginsText: Bool) -> [Int32] {
        let (string, count) = Self.wholeCharacters(of: bytes)
        let whole = bytes[..<count]
        if whole.isEmpty { return [] }
        guard tokenizer.dropsLeadingSpace else {
            let tokens = tokenizer.encode(string, addSpecial: false)
            return spells(tokens, whole) ? tokens : longestTokens(of: whole)
        }
        let space = UInt8(ascii: " ")
        if beginsText {
            let tokens = tokenizer.encode(string, addSpecial: false)
            if spells(tokens, [space] + whole) { return tokens }
            if whole.first != space { return longestTokens(of: whole) }
            return longestTokens(of: [space] + whole)
        }
        // The space that is put before a text comes before a line break, and goes with it.
        let tokens = tokenizer.encode("\n" + string, addSpecial: false)
        for index in 1...3 where index < tokens.count {
            let rest = Array(tokens[index...])
            if spells(rest, whole) { return rest }
        }
        return longestTokens(of: whole)
    }

    /// The longest beginning that is UTF-8.
    private static func wholeCharacters(of bytes: [UInt8]) -> (String, Int) {
        if let string = String(validating: bytes, as: UTF8.self) { return (string, bytes.count) }
        let repaired = String(decoding: bytes, as: UTF8.self).utf8
        // A character that is not whole is replaced, which is where the texts begin to differ.
        var count = zip(bytes, repaired).prefix { $0 == $1 }.count
        while count > 0, count < bytes.count, bytes[count] & 0xC0 == 0x80 { count -= 1 }
        let string = String(decoding: bytes[..<count], as: UTF8.self)
        return string.utf8.count == count ? (string, count) : ("", 0)
    }

    private func spells(_ tokens: [Int32], _ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        for token in tokens {
            let spelling = storage[range(of: token)]
            guard !spelling.isEmpty, rest.starts(with: spelling) else { return false }
            rest = rest.dropFirst(spelling.count)
        }
        return rest.isEmpty
    }

    private func longestTokens(of bytes: ArraySlice<UInt8>) -> [Int32] {
        var rest = bytes
        var tokens: [Int32] = []
        while !rest.isEmpty {
            guard let (token, count) = trie.longestToken(of: rest) else { return [] }
            tokens.append(token)
            rest = rest.dropFirst(count)
        }
        return tokens
    }
}
