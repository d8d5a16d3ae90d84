// SPDX-License-Identifier: Apache-2.0

import Generation
import JSON
import Serving

/// The stream of a chat answer.
struct ChatStream: AnswerStream {
    /// What is the same for the whole stream.
    struct Context: Sendable {
        let header: AnswerHeader
        let dialect: Dialect
        let choiceCount: Int
        let usageStyle: StreamUsage
        /// The prompt's tokens if every chunk tells the usage so far (vLLM), else nil.
        let continuousPromptTokens: Int?
        /// Whether ids are returned under llama.cpp's name.
        let returnsTokens: Bool
        /// Text that the answer begins with, though it was not generated (Mistral's prefix).
        let prefix: String
        /// The prompt's ids, if ids are to be returned.
        let promptTokenIDs: [Int32]?
        /// How to spell out log probabilities, if they are to be returned.
        let logprobs: LogprobFormatter?
    }

    private let context: Context
    /// The end of a choice, held back for the usage that may belong to it.
    private var heldEnd: ChatChunkChoice?
    private var completionTokens = 0

    init(_ context: Context) { self.context = context }

    mutating func opening() -> [JSONObject] {
        var chunks: [JSONObject] = []
        for index in 0..<context.choiceCount {
            var chunk = chunk(ChatChunkChoice(index: index, opens: true, content: ""))
            if index == 0, let ids = context.promptTokenIDs { chunk["prompt_token_ids"] = ids.json }
            chunks.append(chunk)
            if !context.prefix.isEmpty {
                chunks.append(self.chunk(ChatChunkChoice(index: index, content: context.prefix)))
            }
        }
        return chunks
    }

    mutating func chunks(for event: AnswerEvent) -> [JSONObject] {
        switch event {
        case .promptLogprobs, .failed: return []
        case .output(let index, let piece, let tokens):
            let text = piece.answerText
            completionTokens += tokens.count
            let returnsIDs = context.promptTokenIDs != nil
            let wantsTokens = returnsIDs || context.returnsTokens || context.logprobs != nil
            if text.isEmpty, tokens.isEmpty || !wantsTokens { return [] }
            var choice = ChatChunkChoice(
                index: index, content: text, logprobs: context.logprobs?.chat(tokens),
                tokenIDs: returnsIDs ? tokens.map(\.id) : nil)
            if context.returnsTokens { choice.tokens = tokens.map(\.id) }
            return [chunk(choice)]
        case .finished(let index, let reason):
            let end = ChatChunkChoice(
                index: index, content: context.dialect.endingText,
                finishReason: reason.name(in: context.dialect),
                stopReason: reason.stopReason)
            guard context.usageStyle.holdsEnd else { return [chunk(end)] }
            let previous = heldEnd
            heldEnd = end
            return previous.map { [chunk($0)] } ?? []
        case .usage(_, let usage):
            return closing(UsageReport(usage))
        }
    }

    /// The chunk that tells the usage, if one does.
    private mutating func closing(_ usage: UsageReport) -> [JSONObject] {
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
        return ended + [chunk(ChatChunkChoice(index: 0, content: "", finishReason: reason))]
    }

    private func chunk(_ choice: ChatChunkChoice) -> JSONObject {
        let usage = context.continuousPromptTokens.map {
            UsageReport(promptTokens: $0, completionTokens: completionTokens)
        }
        var chunk = context.header.chunk(
            [choice.json], usage: usage, style: context.usageStyle)
        if let tokens = choice.tokens { chunk["tokens"] = tokens.json }
        return chunk
    }
}
