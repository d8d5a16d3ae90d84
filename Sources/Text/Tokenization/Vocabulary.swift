// SPDX-License-Identifier: Apache-2.0

/// The tokens of a model: how they are spelled, what they stand for and which are special.
package struct Vocabulary: Sendable {
    /// The spelling of every token in its file, by id.
    package let pieces: ByteStrings

    /// The bytes of text that every token stands for, by id; empty for control tokens.
    package let texts: ByteStrings

    /// What every token is for, by id.
    package let kinds: [TokenKind]

    /// The ids with a meaning of their own.
    package var special: SpecialTokens

    private let controls: [String: Int32]

    /// The number of tokens.
    package var count: Int { kinds.count }

    /// Creates a vocabulary.
    ///
    /// - Parameters:
    ///   - pieces: the spelling of every token, by id.
    ///   - texts: what every token stands for, by id.
    ///   - kinds: what every token is for, by id.
    ///   - special: beginning, end and unknown.
    /// - Precondition: as many texts and kinds as pieces.
    package init(
        pieces: ByteStrings, texts: ByteStrings, kinds: [TokenKind], special: SpecialTokens
    ) {
        precondition(pieces.count == texts.count && pieces.count == kinds.count)
        self.pieces = pieces
        self.texts = texts
        self.kinds = kinds
        self.special = special
        var controls: [String: Int32] = [:]
        for index in 0..<kinds.count where kinds[index] == .control || kinds[index] == .unknown {
            let name = String(decoding: pieces[index], as: UTF8.self)
            if controls[name] == nil { controls[name] = Int32(index) }
        }
        self.controls = controls
    }

    /// The id of a control token.
    package func id(ofControl name: String) -> Int32? { controls[name] }

    /// The index of a token, if there is such a token.
    func index(of token: Int32) -> Int? {
        token >= 0 && Int(token) < kinds.count ? Int(token) : nil
    }
}

/// The ids of a vocabulary that have a meaning of their own.
package struct SpecialTokens: Hashable, Sendable {
    /// Begins a sequence.
    package var bos: Int32?

    /// Ends a plain text when `addsEOS`.
    package var eos: Int32?

    /// Every id that ends an answer.
    package var stops: Set<Int32> = []

    /// Stands for what cannot be spelled.
    package var unknown: Int32?

    /// Whether a plain text begins with `bos`.
    package var addsBOS = false

    /// Whether a plain text ends with `eos`.
    package var addsEOS = false

    /// Creates a set of special tokens, empty unless stated.
    package init(
        bos: Int32? = nil, eos: Int32? = nil, stops: Set<Int32> = [], unknown: Int32? = nil,
        addsBOS: Bool = false, addsEOS: Bool = false
    ) {
        self.bos = bos
        self.eos = eos
        self.stops = eos.map { stops.union([$0]) } ?? stops
        self.unknown = unknown
        self.addsBOS = addsBOS
        self.addsEOS = addsEOS
    }
}
