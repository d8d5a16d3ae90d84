// SPDX-License-Identifier: Apache-2.0

/// Text to token ids and back, for one vocabulary.
///
/// A tokenizer is an immutable value that any number of tasks may share. Encoding is total: every
/// text has ids. It takes O(n log n) time and bounded stack for every text of n bytes.
package protocol Tokenizer: Sendable {
    /// The number of ids; every valid id is in `0..<vocabularyCount`.
    var vocabularyCount: Int { get }

    /// The id that begins a sequence, if the vocabulary has one.
    var bosTokenID: Int32? { get }

    /// The id that ends a sequence, which templates call `eos_token`, if the vocabulary has one.
    var eosTokenID: Int32? { get }

    /// Every id that ends an answer: end of sequence, of turn and of message.
    var eosTokenIDs: Set<Int32> { get }

    /// Whether the vocabulary asks for `bosTokenID` before a plain text.
    var addsBOS: Bool { get }

    /// Whether the vocabulary asks for its end-of-sequence id after a plain text.
    var addsEOS: Bool { get }

    /// Whether decoding drops the one space that encoding put before the text (SentencePiece).
    var dropsLeadingSpace: Bool { get }

    /// Encodes a plain text; control tokens are never parsed out of it.
    ///
    /// - Parameters:
    ///   - text: any text.
    ///   - addSpecial: whether to put BOS before (and EOS after) if the vocabulary asks for it.
    /// - Returns: the token ids.
    func encode(_ text: String, addSpecial: Bool) -> [Int32]

    /// Encodes a prompt made of text and control tokens; adds no BOS or EOS of its own.
    ///
    /// Neighbouring `.text` and `.templated` segments are joined before they are split into words,
    /// so that the ids do not depend on where a template's text ends and a message's begins.
    /// A `.control` whose name is not in the vocabulary is encoded as plain text.
    func encode(_ segments: [PromptSegment]) -> [Int32]

    /// Encodes a plain text of at most so many tokens.
    ///
    /// - Parameters:
    ///   - text: any text.
    ///   - addSpecial: as without a limit.
    ///   - limit: how many ids there may be.
    /// - Returns: what it gives without a limit.
    /// - Throws: `TokenLimitError` if there are more, without encoding all of the text.
    func encode(
        _ text: String, addSpecial: Bool, limit: Int
    ) throws(TokenLimitError) -> [Int32]

    /// Encodes a prompt of at most so many tokens; throws as for a plain text.
    func encode(_ segments: [PromptSegment], limit: Int) throws(TokenLimitError) -> [Int32]

    /// The bytes that a token stands for in the text; none for control tokens and unknown ids.
    ///
    /// A single token may stand for part of a character; see `StreamingDetokenizer`.
    func bytes(of token: Int32) -> [UInt8]

    /// Adds those bytes to others, so that a token needs no memory of its own.
    func append(bytesOf token: Int32, to bytes: inout [UInt8])

    /// Whether the token is a control token, which has no text.
    func isControl(_ token: Int32) -> Bool

    /// The id of the control token of that name, such as `[INST]` or `<|im_start|>`.
    func id(ofControl name: String) -> Int32?

    /// The token as the vocabulary file spells it, or an empty string for an id that does not exist.
    ///
    /// Control tokens have their names here, which have no bytes in the text.
    func piece(of token: Int32) -> String
}

extension Tokenizer {
    /// The least of the ids that end an answer.
    package var eosTokenID: Int32? { eosTokenIDs.min() }

    /// Adds the bytes that a token stands for.
    package func append(bytesOf token: Int32, to bytes: inout [UInt8]) {
        bytes += self.bytes(of: token)
    }

    /// Counts the ids when all of the text has been encoded.
    package func encode(
        _ text: String, addSpecial: Bool, limit: Int
    ) throws(TokenLimitError) -> [Int32] {
        let tokens = encode(text, addSpecial: addSpecial)
        if tokens.count > limit { throw TokenLimitError(leastCount: tokens.count) }
        return tokens
    }

    /// Counts the ids when all segments have been encoded.
    package func encode(
        _ segments: [PromptSegment], limit: Int
    ) throws(TokenLimitError) -> [Int32] {
        let tokens = encode(segments)
        if tokens.count > limit { throw TokenLimitError(leastCount: tokens.count) }
        return tokens
    }

    /// Encodes bytes that should be UTF-8; each maximal invalid part is read as U+FFFD.
    package func encode(utf8 bytes: [UInt8], addSpecial: Bool) -> [Int32] {
        encode(String(decoding: bytes, as: UTF8.self), addSpecial: addSpecial)
    }

    /// Encodes a prompt of a client that has applied a chat template itself: the names of control
    /// tokens in it are these tokens.
    ///
    /// - Parameters:
    ///   - prompt: the text, all of which is trusted as a template's is.
    ///   - addSpecial: whether to put BOS before (and EOS after) if the vocabulary asks for it; what
    ///     the text has there already is not put twice.
    /// - Returns: the token ids.
    package func encode(prompt: String, addSpecial: Bool) -> [Int32] {
        addSpecial ? withSpecial(encode([.templated(prompt)])) : encode([.templated(prompt)])
    }

    /// Encodes such a prompt of at most so many tokens; throws as for a plain text.
    package func encode(
        prompt: String, addSpecial: Bool, limit: Int
    ) throws(TokenLimitError) -> [Int32] {
        let tokens = try encode([.templated(prompt)], limit: limit)
        let whole = addSpecial ? withSpecial(tokens) : tokens
        if whole.count > limit { throw TokenLimitError(leastCount: whole.count) }
        return whole
    }

    private func withSpecial(_ tokens: [Int32]) -> [Int32] {
        var tokens = tokens
        if addsBOS, let bos = bosTokenID, tokens.first != bos { tokens.insert(bos, at: 0) }
        if addsEOS, let eos = eosTokenID, tokens.last != eos { tokens.append(eos) }
        return tokens
    }

    /// The whole text of a token sequence.
    ///
    /// Bytes that are not UTF-8 are read as U+FFFD, as the streaming detokenizer does.
    ///
    /// - Parameters:
    ///   - tokens: the ids.
    ///   - namesControls: whether control tokens, which have no text, are written by name.
    /// - Returns: the text.
    package func decode(_ tokens: [Int32], namesControls: Bool = false) -> String {
        var detokenizer = StreamingDetokenizer(tokenizer: self)
        var text = ""
        for token in tokens {
            if namesControls, isControl(token) {
                text += detokenizer.flush() + piece(of: token)
            } else {
                text += detokenizer.append(token)
            }
        }
        return text + detokenizer.flush()
    }
}
