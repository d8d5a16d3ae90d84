// SPDX-License-Identifier: Apache-2.0

import Generation
import Sampling
import Tokenization

/// Spells out the tokens of log probabilities.
struct LogprobFormatter: Sendable {
    let tokenizer: any Tokenizer

    /// One token with its alternatives.
    func probability(_ logprobs: TokenLogprobs) -> TokenProbability {
        var entry = probability(logprobs.id, logprobs.logprob)
        entry.top = logprobs.top.map { probability($0.id, $0.logprob) }
        return entry
    }

    /// One token alone.
    func probability(_ token: Int32, _ logprob: Double) -> TokenProbability {
        let bytes = tokenizer.bytes(of: token)
        // A control token has no text; its name says more than nothing.
        let text =
            bytes.isEmpty ? tokenizer.piece(of: token) : String(decoding: bytes, as: UTF8.self)
        return TokenProbability(token: text, bytes: bytes, tokenID: token, logprob: logprob)
    }

    /// The tokens of a chat's chunk; the token that ended the choice is no part of its text.
    func chat(_ tokens: some Sequence<TokenOutput>) -> [TokenProbability] {
        tokens.filter { !$0.isStop }.compactMap { $0.logprobs.map(probability) }
    }

    /// So many log probabilities of prompts take some hundred megabytes to write.
    private static let mostOfPrompts = 1 << 21

    /// Refuses more log probabilities of prompts than can be written: each choice has its prompt's.
    ///
    /// - Throws: `APIError`, which names the field that asks for them.
    static func check(
        _ requests: [GenerationRequest], topCount: Int, choiceCount: Int, askedBy field: FieldPath
    ) throws(APIError) {
        let count =
            requests.reduce(0) { $0 + $1.promptTokens.count } * (topCount + 1) * choiceCount
        guard count <= mostOfPrompts else {
            throw .invalid(
                field,
                expected: "at most \(mostOfPrompts) log probabilities of prompts in all choices, "
                    + "and these are \(count); ask for fewer of them, or fewer choices")
        }
    }

    /// Adds generated tokens to a completion's arrays.
    ///
    /// - Parameters:
    ///   - tokens: the next tokens of a choice.
    ///   - offset: where the generated text begins in the choice's text.
    ///   - result: receives them.
    func append(
        _ tokens: some Sequence<TokenOutput>, offset: Int, to result: inout CompletionLogprobs
    ) {
        for token in tokens where !token.isStop {
            guard let logprobs = token.logprobs else { continue }
            result.append(probability(logprobs), textOffset: offset + token.textOffset)
        }
    }

    /// Adds the tokens of an echoed prompt, with their offsets in the text that is echoed.
    func append(
        prompt: [Int32], of text: String, _ logprobs: [TokenLogprobs?],
        to result: inout CompletionLogprobs
    ) {
        var detokenizer = StreamingDetokenizer(tokenizer: tokenizer)
        var rest = text.unicodeScalars[...]
        var offset = 0
        for (index, token) in prompt.enumerated() {
            if index < logprobs.count, let logprobs = logprobs[index] {
                result.append(probability(logprobs), textOffset: offset)
            } else {
                result.appendFirst(probability(token, 0), textOffset: offset)
            }
            var count = detokenizer.append(token).unicodeScalars.count
            // A control token has a place in the text where the client named it.
            if tokenizer.isControl(token) {
                let name = tokenizer.piece(of: token).unicodeScalars
                if rest.starts(with: name) { count += name.count }
            }
            offset += count
            rest = rest.dropFirst(count)
        }
    }
}
