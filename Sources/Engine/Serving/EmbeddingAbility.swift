// SPDX-License-Identifier: Apache-2.0

package import Generation
import Inference
package import ModelFiles
import Tokenization

/// How a model makes embeddings, or scores.
package struct EmbeddingAbility: Sendable {
    /// How one vector is made of a text's states.
    package let pooling: Pooling

    /// The length of the vectors.
    package let dimension: Int

    /// Whether it makes vectors.
    package let embeds: Bool

    /// Whether it scores pairs of texts.
    package let hasScore: Bool

    /// Whether it is an encoder; else it generates, too.
    package let isEncoder: Bool

    /// The first numbers of a vector, brought back to length 1.
    package static func shortened(_ vector: [Float], to count: Int) -> [Float] {
        Pooling.normalized(Array(vector.prefix(count)))
    }

    /// Describes what a model makes.
    package init(
        _ pooling: Pooling, dimension: Int, embeds: Bool = true, hasScore: Bool = false,
        isEncoder: Bool
    ) {
        self.embeds = embeds
        self.pooling = pooling
        self.dimension = dimension
        self.hasScore = hasScore
        self.isEncoder = isEncoder
    }
}

/// A text that an embedding is asked for.
package enum EmbeddingInput: Hashable, Sendable {
    /// A text.
    case text(String)

    /// Ids of the model's own vocabulary, special ones included.
    case tokens([Int32])

    /// Two texts, how well which go together is asked.
    case pair(String, String)
}

/// What is done with a text that is too long.
package enum Truncation: Hashable, Sendable {
    /// It is an error.
    case never

    /// Its end is cut off, so that it has that many tokens, special ones included; nil: as many as
    /// the model takes.
    case end(tokenCount: Int?)

    /// Its beginning is cut off.
    case beginning(tokenCount: Int?)

    fileprivate var tokenCount: Int? {
        switch self {
        case .never, .end(nil), .beginning(nil): nil
        case .end(let count?), .beginning(let count?): count
        }
    }
}

extension ServedModel {
    /// The most tokens of a text that an embedding is made of, special ones included.
    package var embeddingTokenLimit: Int {
        let room = engine.contextLength - (embedding?.isEncoder ?? true ? 0 : 1)
        return min(embedding?.pooling.maxTokenCount ?? room, room)
    }

    /// Requests for the embeddings, or scores, of texts.
    ///
    /// - Parameters:
    ///   - inputs: the texts.
    ///   - truncation: what is done with those that are too long.
    /// - Returns: a request for each, which ``submit(_:for:reading:queued:)`` takes.
    /// - Throws: `ServingError`, which names the text that is wrong.
    package func embeddingRequests(
        for inputs: [EmbeddingInput], _ truncation: Truncation
    ) throws(ServingError) -> [GenerationRequest] {
        guard let ability = embedding else {
            throw .unsupported(
                .parameter("model"),
                reason: "\(description.name) makes no embeddings; GET /v1/models lists the models "
                    + "that do, and its manifest can allow it: \"capabilities\": "
                    + "{\"embeddings\": true}")
        }
        let scores = inputs.contains { if case .pair = $0 { true } else { false } }
        guard scores ? ability.hasScore : ability.embeds else {
            throw .unsupported(
                .parameter("model"),
                reason: scores
                    ? "\(description.name) has no head that scores pairs of texts, which a "
                        + "reranker has; the cosine of two embeddings is no such score"
                    : "\(description.name) scores pairs of texts (/v1/rerank) and makes no "
                        + "embeddings")
        }
        var requests: [GenerationRequest] = []
        requests.reserveCapacity(inputs.count)
        var question = EncodedText()
        for (place, input) in inputs.enumerated() {
            let (tokens, secondStart) = try tokens(
                of: input, ability, truncation, in: place, &question)
            var request = GenerationRequest(
                promptTokens: tokens, maxTokens: 1)
            request.embedding = scores ? .score : .vector(ability.pooling)
            request.secondTextStart = secondStart
            requests.append(request)
        }
        return requests
    }

    /// A text with its ids.
    private struct EncodedText {
        var text: String?
        var tokens: [Int32] = []
    }

    private func tokens(
        of input: EmbeddingInput, _ ability: EmbeddingAbility, _ truncation: Truncation,
        in place: Int, _ known: inout EncodedText
    ) throws(ServingError) -> (tokens: [Int32], secondStart: Int?) {
        let limit = min(truncation.tokenCount ?? .max, embeddingTokenLimit)
        switch input {
        case .tokens(let tokens):
            _ = try self.tokens(of: .tokens(tokens), in: place, limit: .max)
            guard !tokens.isEmpty else {
                throw .invalid(.prompt(place), expected: "at least one token id")
            }
            return (try cut(tokens, 0, truncation, to: limit, in: place), nil)
        case .text(let text):
            let own = encode(text, ability)
            return (
                try framed(own, truncation, to: limit, in: place), nil
            )
        case .pair(let first, let second):
            // All passages have the same question, as a rule.
            if known.text != first {
                known = EncodedText(text: first, tokens: encode(first, ability))
            }
            var question = known.tokens
            var passage = encode(second, ability)
            if truncation != .never {
                // The question's end goes only where the passage is gone already.
                let frame = (beginning == nil ? 0 : 1) + (end == nil ? 0 : 2)
                let room = max(0, limit - frame)
                passage = Array(passage.prefix(max(0, room - question.count)))
                question = Array(question.prefix(room))
            }
            let query = framedAlways(question)
            let tokens = query + passage + (end.map { [$0] } ?? [])
            return (
                try cut(tokens, 0, .never, to: embeddingTokenLimit, in: place), query.count
            )
        }
    }

    /// The ids of a text without special ones, but for those that are spelled in it, as reference
    /// tokenizers read them.
    private func encode(_ text: String, _ ability: EmbeddingAbility) -> [Int32] {
        let whole = ability.pooling.prompt + text
        return tokenizer.encode([
            .templated(ability.pooling.lowercases ? whole.lowercased() : whole)
        ])
    }

    private var beginning: Int32? { tokenizer.addsBOS ? tokenizer.bosTokenID : nil }
    private var end: Int32? { tokenizer.addsEOS ? tokenizer.eosTokenID : nil }

    private func framedAlways(_ tokens: [Int32]) -> [Int32] {
        (beginning.map { [$0] } ?? []) + tokens + (end.map { [$0] } ?? [])
    }

    /// The ids of a text with those that begin and end it, which are never cut off.
    private func framed(
        _ tokens: [Int32], _ truncation: Truncation, to limit: Int, in place: Int
    ) throws(ServingError) -> [Int32] {
        let frame = (beginning == nil ? 0 : 1) + (end == nil ? 0 : 1)
        let framed = framedAlways(try cut(tokens, frame, truncation, to: limit, in: place))
        guard !framed.isEmpty else {
            throw .invalid(.prompt(place), expected: "a text of at least one token")
        }
        return framed
    }

    private func cut(
        _ tokens: [Int32], _ frame: Int, _ truncation: Truncation, to limit: Int, in place: Int
    ) throws(ServingError) -> [Int32] {
        if tokens.count + frame <= limit { return tokens }
        switch truncation {
        case .never:
            throw .invalid(
                .prompt(place),
                expected: "at most \(limit) tokens, this model's maximum context length for "
                    + "embeddings; it has \(tokens.count + frame). Send a shorter text, or "
                    + "\"truncate_prompt_tokens\": -1 to have its end cut off")
        case .end: return Array(tokens.prefix(max(limit - frame, 0)))
        case .beginning: return Array(tokens.suffix(max(limit - frame, 0)))
        }
    }
}
