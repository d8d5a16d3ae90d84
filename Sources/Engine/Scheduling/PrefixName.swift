// SPDX-License-Identifier: Apache-2.0

/// What is cached for all tokens of a sequence up to the end of some block, as it is called outside of
/// this process: a digest of what computes it, of the scope, and of all these tokens.
///
/// Equal names mean the same computation of equal tokens in an equal scope, from position 0 on,
/// whoever chose them.
package struct PrefixName: Hashable, Sendable {
    /// What is digested: so a text is never taken for tokens.
    private enum Kind: UInt32 {
        case computation = 1
        case scope
        case tokens
        case adapter
    }

    /// The digest.
    private let words: (UInt64, UInt64, UInt64, UInt64)

    /// The name that all names of one computation descend from.
    ///
    /// - Parameter computation: says all that the bytes of a block depend on besides its tokens:
    ///   weights and whatever is added to them, types, sizes and the program.
    package init(computation: String) {
        self.init(Self.digest(of: computation, .computation))
    }

    /// The name of no tokens at all, in a scope of a computation.
    package init(_ root: PrefixName, in scope: CacheScope) {
        let computation =
            scope.adapter.isEmpty
            ? root : PrefixName(Self.digest(of: scope.adapter, .adapter, after: root))
        self.init(Self.digest(of: scope.rawValue, .scope, after: computation))
    }

    /// The name of a prefix with a block's worth of tokens more.
    package init(_ parent: PrefixName, then tokens: ArraySlice<Int32>) {
        var digest = SHA256()
        digest.append(Kind.tokens.rawValue)
        parent.append(to: &digest)
        for token in tokens { digest.append(UInt32(bitPattern: token)) }
        self.init(digest.finish())
    }

    private init(_ digest: SIMD8<UInt32>) {
        func word(_ place: Int) -> UInt64 {
            UInt64(digest[2 * place]) << 32 | UInt64(digest[2 * place + 1])
        }
        words = (word(0), word(1), word(2), word(3))
    }

    /// A name of 64 hexadecimal digits, such as ``digits``; nil for any other text.
    package init?(digits: some StringProtocol) {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        var count = 0
        for byte in digits.utf8 {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            default: return nil
            }
            switch count / 16 {
            case 0: words.0 = words.0 << 4 | UInt64(digit)
            case 1: words.1 = words.1 << 4 | UInt64(digit)
            case 2: words.2 = words.2 << 4 | UInt64(digit)
            case 3: words.3 = words.3 << 4 | UInt64(digit)
            default: return nil
            }
            count += 1
        }
        guard count == 64 else { return nil }
        self.words = words
    }

    /// 64 hexadecimal digits.
    package var digits: String {
        [words.0, words.1, words.2, words.3].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }.joined()
    }

    package static func == (one: PrefixName, other: PrefixName) -> Bool {
        one.words == other.words
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
    }

    private static func digest(
        of text: String, _ kind: Kind, after parent: PrefixName? = nil
    ) -> SIMD8<UInt32> {
        var digest = SHA256()
        digest.append(kind.rawValue)
        parent?.append(to: &digest)
        for byte in text.utf8 { digest.append(UInt32(byte)) }
        return digest.finish()
    }

    private func append(to digest: inout SHA256) {
        func append(_ word: UInt64) {
            digest.append(UInt32(truncatingIfNeeded: word >> 32))
            digest.append(UInt32(truncatingIfNeeded: word))
        }
        append(words.0)
        append(words.1)
        append(words.2)
        append(words.3)
    }
}
