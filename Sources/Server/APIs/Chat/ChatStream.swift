// SPDX-License-Identifier: Apache-2.0

import Generation
import Serving

/// The stream of a chat answer.
struct ChatStream: AnswerStream {
    private let codec: ChatCodec
    private let writer: ChunkWriter
    /// Whether chunks tell of tokens, and so are sent for those without text, too.
    private let tellsTokens: Bool
    /// The end of a choice, held back for the usage that may belong to it.
    private var heldEnd: ChatChunkChoice?
    private var completionTokens = 0

    init(_ codec: ChatCodec, _ header: AnswerHeader) {
        self.codec = codec
        let options = codec.options
        writer = ChunkWriter(header, usage: StreamUsage(options, in: codec.dialect))
        tellsTokens = options.returnsTokenIDs || options.returnsTokens || codec.logprobs != nil
    }

    mutating func open(_ bytes: inout [UInt8]) {
        for index in 0..<codec.options.choiceCount {
            append(
                ChatChunkChoice(index: index, opens: true, content: ""), to: &bytes,
                promptTokenIDs: index == 0 ? codec.promptTokenIDs : nil)
            if !codec.prefix.isEmpty {
                append(ChatChunkChoice(index: index, content: codec.prefix), to: &bytes)
            }
        }
    }

    mutating func add(_ event: AnswerEvent, to bytes: inout [UInt8]) {
        switch event {
        case .promptLogprobs, .failed: break
        case .output(let index, let piece, let tokens):
            let text = piece.answerText
            completionTokens += tokens.count
            if text.isEmpty, tokens.isEmpty || !tellsTokens { return }
            var choice = ChatChunkChoice(
                index: index, content: text, logprobs: codec.logprobs?.chat(tokens))
            if codec.options.returnsTokenIDs { choice.tokenIDs = tokens.map(\.id) }
            if codec.options.returnsTokens { choice.tokens = tokens.map(\.id) }
            append(choice, to: &bytes)
        case .finished(let index, let reason):
            let end = ChatChunkChoice(
                index: index, content: codec.dialect.endingText,
                finishReason: reason.name(in: codec.dialect), stopReason: reason.stopReason)
            guard writer.usage.holdsEnd else { return append(end, to: &bytes) }
            releaseEnd(to: &bytes)
            heldEnd = end
        case .usage(_, let usage): close(UsageReport(usage), &bytes)
        }
    }

    /// Appends the chunk that tells the usage, if one does.
    private mutating func close(_ usage: UsageReport, _ bytes: inout [UInt8]) {
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
        append(ChatChunkChoice(index: 0, content: "", finishReason: reason), to: &bytes)
    }

    private mutating func releaseEnd(to bytes: inout [UInt8]) {
        if let end = heldEnd.take() { append(end, to: &bytes) }
    }

    private func append(
        _ choice: ChatChunkChoice, to bytes: inout [UInt8], promptTokenIDs: [Int32]? = nil
    ) {
        var rest = ChunkWriter.Rest()
        if codec.options.tellsUsageContinuously {
            rest.usage = UsageReport(
                promptTokens: codec.promptCount, completionTokens: completionTokens)
        }
        rest.tokens = choice.tokens
        rest.promptTokenIDs = promptTokenIDs
        writer.append(to: &bytes, rest) { choice.append(to: &$0) }
    }
}
