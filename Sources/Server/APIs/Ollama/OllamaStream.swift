// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import Generation
import JSON
import Serving

/// The stream of an answer: a line for each part, and one for its end.
struct OllamaStream: AnswerStream {
    static let framing = StreamFraming(
        contentType: "application/x-ndjson",
        // White space before the next line; clients read a line of its own as an object.
        heartbeat: [UInt8(ascii: " ")], ending: [])

    private let codec: OllamaCodec
    private let header: AnswerHeader
    private var end: AnswerEvent.End?
    private var tokens: [Int32] = []
    /// The calls that have begun, of which only whole ones are told.
    private var calls: [Int: (id: String, name: String, arguments: String)] = [:]

    init(_ codec: OllamaCodec, _ header: AnswerHeader) {
        self.codec = codec
        self.header = header
    }

    mutating func open(_ bytes: inout [UInt8]) {}

    mutating func add(_ event: AnswerEvent, to bytes: inout [UInt8]) {
        switch event {
        case .promptLogprobs, .embedding, .failed: break
        case .output(_, let piece, let tokens):
            if codec.context != nil { self.tokens += tokens.map(\.id) }
            let said = said(piece)
            let logprobs = codec.logprobs?.chat(tokens) ?? []
            if said.isEmpty, logprobs.isEmpty { return }
            append(said, logprobs, to: &bytes)
        case .finished(_, let end): self.end = end
        case .usage(_, let usage):
            var object = codec.opened(header)
            codec.write(.init(), to: &object)
            codec.close(&object, end, usage, tokens: tokens)
            append(line: object, to: &bytes)
        }
    }

    private mutating func said(_ piece: AnswerPiece) -> OllamaCodec.Said {
        var said = OllamaCodec.Said()
        switch piece {
        case .text(let text): said.text = text
        case .thinking(let text): said.thinking = text
        case .callBegun(let index, let id, let name): calls[index] = (id, name, "")
        case .callArguments(let index, let text): calls[index]?.arguments += text
        case .callEnded(let index):
            guard let call = calls.removeValue(forKey: index) else { break }
            said.calls = [
                OllamaCodec.call(index, id: call.id, name: call.name, arguments: call.arguments)
            ]
        // Without its end there is no object of its arguments.
        case .callCut(let index): calls[index] = nil
        }
        return said
    }

    mutating func fail(_ error: APIError, to bytes: inout [UInt8]) {
        bytes.append(json: error.body(in: .ollama))
        bytes.append(UInt8(ascii: "\n"))
    }

    private func append(
        _ said: OllamaCodec.Said, _ logprobs: [TokenProbability], to bytes: inout [UInt8]
    ) {
        var object = codec.opened(header)
        codec.write(said, to: &object)
        if codec.logprobs != nil, !logprobs.isEmpty {
            object["logprobs"] = OllamaCodec.json(logprobs)
        }
        append(line: object, to: &bytes)
    }

    private func append(line object: JSONObject, to bytes: inout [UInt8]) {
        bytes.append(json: .object(object))
        bytes.append(UInt8(ascii: "\n"))
    }
}
