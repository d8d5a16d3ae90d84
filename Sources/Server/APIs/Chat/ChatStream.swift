// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import Generation
import Serving

/// The stream of a chat answer.
struct ChatStream: AnswerStream {
    static let framing = StreamFraming.chunks

    private let codec: ChatCodec
    private let writer: ChunkWriter
    /// Whether chunks tell of tokens, and so are sent for those without text, too.
    private let tellsTokens: Bool
    /// The end of a choice, held back for the usage that may belong to it.
    private var heldEnd: ChatChunkChoice?
    /// The calls that have begun: which choice they are of, and what of them has come, or where
    /// they are sent in parts, what of them is next.
    private var calls: [(choice: Int, call: WrittenCall)] = []
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
        case .promptLogprobs, .embedding, .failed: break
        case .output(let index, let piece, let tokens):
            completionTokens += tokens.count
            var choice = ChatChunkChoice(index: index)
            if !add(piece, to: &choice) {
                if tokens.isEmpty || !tellsTokens { return }
                choice.content = ""
            }
            choice.logprobs = codec.logprobs?.chat(tokens)
            if codec.options.returnsTokenIDs { choice.tokenIDs = tokens.map(\.id) }
            if codec.options.returnsTokens { choice.tokens = tokens.map(\.id) }
            append(choice, to: &bytes)
        case .finished(let index, let reason):
            let end = ChatChunkChoice(
                index: index, content: codec.dialect.endingText,
                finishReason: codec.finishReason(reason), stopReason: reason.stopReason)
            guard writer.usage.holdsEnd else { return append(end, to: &bytes) }
            releaseEnd(to: &bytes)
            heldEnd = end
        case .usage(_, let usage): close(UsageReport(usage), &bytes)
        }
    }

    /// Adds a piece to a chunk's choice.
    ///
    /// - Returns: whether there is something to send; of calls that are sent whole, only their end.
    private mutating func add(_ piece: AnswerPiece, to choice: inout ChatChunkChoice) -> Bool {
        switch piece {
        case .text(let text):
            choice.content = text
            return !text.isEmpty
        case .thinking(let text):
            choice.thinking = text
            choice.thinksInContent = codec.dialect.thinksInContent
            return !text.isEmpty
        case .callBegun(let index, let id, let name):
            var call = codec.call(index, id: id, name: name)
            choice.calls = [call]
            if !codec.dialect.streamsWholeCalls { (call.id, call.name) = (nil, nil) }
            calls.append((choice.index, call))
        case .callArguments(let index, let text):
            guard let place = place(of: index, choice.index) else { return false }
            if codec.dialect.streamsWholeCalls {
                calls[place].call.input += text
            } else {
                choice.calls = [calls[place].call]
                choice.calls[0].input = text
            }
        case .callEnded(let index), .callCut(let index):
            guard let place = place(of: index, choice.index) else { return false }
            let call = calls.remove(at: place).call
            guard codec.dialect.streamsWholeCalls else { return false }
            choice.content = codec.dialect.contentBesideCalls
            choice.calls = [call]
            return true
        }
        return !codec.dialect.streamsWholeCalls
    }

    private func place(of call: Int, _ choice: Int) -> Int? {
        calls.firstIndex { $0.choice == choice && $0.call.index == call }
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
