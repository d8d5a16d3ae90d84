// SPDX-License-Identifier: Apache-2.0

import Generation
import Sampling
import Serving

/// The stream of a completion's answer.
struct TextStream: AnswerStream {
    static let framing = StreamFraming.chunks

    private let codec: TextCodec
    private let writer: ChunkWriter
    private var usage = UsageReport()
    private var openPromptCount: Int
    /// Whether a choice has sent nothing yet.
    private var isFresh: [Bool]
    private var heldEnd: TextCompletion.Choice?
    private var completionTokens = 0

    init(_ codec: TextCodec, _ header: AnswerHeader) {
        self.codec = codec
        writer = ChunkWriter(header, usage: StreamUsage(codec.options, in: codec.dialect))
        openPromptCount = codec.prompts.count
        isFresh = Array(
            repeating: true, count: codec.prompts.count * codec.options.choiceCount)
    }

    mutating func open(_ bytes: inout [UInt8]) {
        guard codec.echoes, codec.logprobs == nil else { return }
        for prompt in codec.prompts.indices { echo(prompt: prompt, logprobs: nil, to: &bytes) }
    }

    mutating func add(_ event: AnswerEvent, to bytes: inout [UInt8]) {
        switch event {
        case .embedding, .failed: break
        case .promptLogprobs(let prompt, let logprobs):
            if codec.echoes { echo(prompt: prompt, logprobs: logprobs, to: &bytes) }
        case .output(let place, let piece, let tokens):
            output(place, piece.answerText, tokens, to: &bytes)
        case .finished(let place, let reason):
            var end = choice(place, text: "", finishReason: reason.name(in: .openAI))
            end.stopReason = reason.stopReason
            guard writer.usage.holdsEnd else { return append(end, to: &bytes) }
            releaseEnd(to: &bytes)
            heldEnd = end
        case .usage(_, let usage):
            self.usage += UsageReport(usage)
            openPromptCount -= 1
            if openPromptCount == 0 { close(&bytes) }
        }
    }

    /// Appends the prompt as the first text of each of its choices.
    private mutating func echo(
        prompt: Int, logprobs: [TokenLogprobs?]?, to bytes: inout [UInt8]
    ) {
        var spelled: CompletionLogprobs?
        if let formatter = codec.logprobs, let logprobs {
            var result = CompletionLogprobs()
            let prompt = codec.prompts[prompt]
            formatter.append(prompt: prompt.tokens, of: prompt.text, logprobs, to: &result)
            spelled = result
        }
        for index in 0..<codec.options.choiceCount {
            var choice = choice(
                prompt * codec.options.choiceCount + index, text: codec.prompts[prompt].text)
            choice.logprobs = spelled
            append(choice, to: &bytes)
        }
    }

    private mutating func output(
        _ place: Int, _ text: String, _ tokens: TokenRun, to bytes: inout [UInt8]
    ) {
        completionTokens += tokens.count
        if text.isEmpty, tokens.isEmpty || !codec.tellsTokens { return }
        var choice = choice(place, text: text)
        if let formatter = codec.logprobs {
            var logprobs = CompletionLogprobs()
            let prompt = codec.prompts[place / codec.options.choiceCount]
            let offset = codec.echoes ? prompt.text.unicodeScalars.count : 0
            formatter.append(tokens, offset: offset, to: &logprobs)
            choice.logprobs = logprobs
        }
        if codec.options.returnsTokenIDs { choice.tokenIDs = tokens.map(\.id) }
        if codec.options.returnsTokens { choice.tokens = tokens.map(\.id) }
        append(choice, to: &bytes)
    }

    /// A part of a choice; its first one carries the prompt's ids if ids are asked for.
    private mutating func choice(
        _ place: Int, text: String, finishReason: String? = nil
    ) -> TextCompletion.Choice {
        var choice = TextCompletion.Choice(index: place, text: text, finishReason: finishReason)
        if isFresh[place], codec.options.returnsTokenIDs {
            choice.promptTokenIDs = codec.prompts[place / codec.options.choiceCount].tokens
        }
        isFresh[place] = false
        return choice
    }

    private mutating func close(_ bytes: inout [UInt8]) {
        if writer.usage == .omitted { return }
        let end = heldEnd.take()
        writer.append(to: &bytes, .init(usage: usage)) { end?.append(to: &$0) }
    }

    mutating func fail(_ error: APIError, to bytes: inout [UInt8]) {
        // What had ended before the failure has ended all the same.
        releaseEnd(to: &bytes)
        guard let reason = codec.dialect.failureReason else {
            return ChunkWriter.append(error, in: codec.dialect, to: &bytes)
        }
        append(TextCompletion.Choice(index: 0, text: "", finishReason: reason), to: &bytes)
    }

    private mutating func releaseEnd(to bytes: inout [UInt8]) {
        if let end = heldEnd.take() { append(end, to: &bytes) }
    }

    private func append(_ choice: TextCompletion.Choice, to bytes: inout [UInt8]) {
        var rest = ChunkWriter.Rest()
        if codec.options.tellsUsageContinuously {
            rest.usage = UsageReport(
                promptTokens: codec.prompts.reduce(0) { $0 + $1.tokenCount },
                completionTokens: completionTokens)
        }
        rest.tokens = choice.tokens
        if choice.index == 0 { rest.promptTokenIDs = choice.promptTokenIDs }
        writer.append(to: &bytes, rest) { choice.append(to: &$0) }
    }
}
