// SPDX-License-Identifier: Apache-2.0

import Generation
import JSON
import Sampling
import Serving

/// The stream of a completion's answer.
struct TextStream: AnswerStream {
    /// What is the same for the whole stream.
    struct Context: Sendable {
        let header: AnswerHeader
        let dialect: Dialect
        let prompts: [TextPrompt]
        /// Choices of each prompt.
        let choiceCount: Int
        let usageStyle: StreamUsage
        /// Whether every chunk tells the usage so far (vLLM).
        let tellsUsageContinuously: Bool
        let echoes: Bool
        let returnsTokenIDs: Bool
        /// Whether ids are returned under llama.cpp's name.
        let returnsTokens: Bool
        /// How to spell out log probabilities, if they are to be returned.
        let logprobs: LogprobFormatter?
    }

    private let context: Context
    private var usage = UsageReport()
    private var openPromptCount: Int
    /// Whether a choice has sent nothing yet.
    private var isFresh: [Bool]
    private var heldEnd: TextCompletion.Choice?
    private var completionTokens = 0

    init(_ context: Context) {
        self.context = context
        openPromptCount = context.prompts.count
        isFresh = Array(repeating: true, count: context.prompts.count * context.choiceCount)
    }

    mutating func opening() -> [JSONObject] {
        guard context.echoes, context.logprobs == nil else { return [] }
        return context.prompts.indices.flatMap { echo(prompt: $0, logprobs: nil) }
    }

    mutating func chunks(for event: AnswerEvent) -> [JSONObject] {
        switch event {
        case .failed: return []
        case .promptLogprobs(let prompt, let logprobs):
            return context.echoes ? echo(prompt: prompt, logprobs: logprobs) : []
        case .output(let place, let piece, let tokens):
            return output(place, piece.answerText, tokens)
        case .finished(let place, let reason):
            var end = choice(place, text: "", finishReason: reason.name(in: .openAI))
            end.stopReason = reason.stopReason
            guard context.usageStyle.holdsEnd else { return [chunk(end)] }
            let previous = heldEnd
            heldEnd = end
            return previous.map { [chunk($0)] } ?? []
        case .usage(_, let usage):
            self.usage += UsageReport(usage)
            openPromptCount -= 1
            return openPromptCount == 0 ? closing() : []
        }
    }

    /// The prompt as the first text of each of its choices.
    private mutating func echo(prompt: Int, logprobs: [TokenLogprobs?]?) -> [JSONObject] {
        var spelled: CompletionLogprobs?
        if let formatter = context.logprobs, let logprobs {
            var result = CompletionLogprobs()
            let prompt = context.prompts[prompt]
            formatter.append(prompt: prompt.tokens, of: prompt.text, logprobs, to: &result)
            spelled = result
        }
        return (0..<context.choiceCount).map { index in
            var choice = choice(
                prompt * context.choiceCount + index, text: context.prompts[prompt].text)
            choice.logprobs = spelled
            return chunk(choice)
        }
    }

    private mutating func output(
        _ place: Int, _ text: String, _ tokens: TokenRun
    ) -> [JSONObject] {
        completionTokens += tokens.count
        let wantsTokens =
            context.returnsTokenIDs || context.returnsTokens || context.logprobs != nil
        if text.isEmpty, tokens.isEmpty || !wantsTokens { return [] }
        var choice = choice(place, text: text)
        if let formatter = context.logprobs {
            var logprobs = CompletionLogprobs()
            let prompt = context.prompts[place / context.choiceCount]
            let offset = context.echoes ? prompt.text.unicodeScalars.count : 0
            formatter.append(tokens, offset: offset, to: &logprobs)
            choice.logprobs = logprobs
        }
        if context.returnsTokenIDs { choice.tokenIDs = tokens.map(\.id) }
        if context.returnsTokens { choice.tokens = tokens.map(\.id) }
        return [chunk(choice)]
    }

    /// A part of a choice; its first one carries the prompt's ids if ids are asked for.
    private mutating func choice(
        _ place: Int, text: String, finishReason: String? = nil
    ) -> TextCompletion.Choice {
        var choice = TextCompletion.Choice(index: place, text: text, finishReason: finishReason)
        if isFresh[place], context.returnsTokenIDs {
            choice.promptTokenIDs = context.prompts[place / context.choiceCount].tokens
        }
        isFresh[place] = false
        return choice
    }

    private mutating func closing() -> [JSONObject] {
        let choices: [JSONValue]
        switch context.usageStyle {
        case .omitted: return []
        case .lastChunk: choices = []
        case .unasked, .finishingChunk: choices = heldEnd.map { [$0.json] } ?? []
        }
        heldEnd = nil
        return [context.header.chunk(choices, usage: usage, style: context.usageStyle)]
    }

    mutating func failure(_ error: APIError) -> [JSONObject] {
        // What had ended before the failure has ended all the same.
        let ended = heldEnd.map { [chunk($0)] } ?? []
        heldEnd = nil
        guard let reason = context.dialect.failureReason else {
            return ended + [error.body(in: context.dialect).objectValue ?? [:]]
        }
        return ended + [chunk(TextCompletion.Choice(index: 0, text: "", finishReason: reason))]
    }

    private func chunk(_ choice: TextCompletion.Choice) -> JSONObject {
        var usage: UsageReport?
        if context.tellsUsageContinuously {
            usage = UsageReport(
                promptTokens: context.prompts.reduce(0) { $0 + $1.tokenCount },
                completionTokens: completionTokens)
        }
        var chunk = context.header.chunk(
            [choice.json], usage: usage, style: context.usageStyle)
        if let tokens = choice.tokens { chunk["tokens"] = tokens.json }
        if choice.index == 0, let ids = choice.promptTokenIDs {
            chunk["prompt_token_ids"] = ids.json
        }
        return chunk
    }
}
