// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import HTTP
import JSON
import Serving

/// The stream of a message: its blocks one after the other, each begun, added to and ended.
struct MessagesStream: AnswerStream {
    static let framing = StreamFraming(
        contentType: ServerSentEvents.contentType,
        heartbeat: event(["type": "ping"]), ending: [])

    /// What a block is of.
    private enum Kind: Equatable {
        case text
        case thinking
        case call(Int)
    }

    private let codec: MessagesCodec
    private let header: AnswerHeader
    /// The block that is open.
    private var block: Kind?
    /// The place of the block that is open, or else of the next one.
    private var index = 0
    /// Why the message ended, which is told together with the usage.
    private var end: AnswerEvent.End?

    init(_ codec: MessagesCodec, _ header: AnswerHeader) {
        self.codec = codec
        self.header = header
    }

    mutating func open(_ bytes: inout [UInt8]) {
        // What was cached is only known once the prompt has been looked at.
        let usage = codec.usage(UsageReport(promptTokens: codec.promptCount))
        append(
            ["type": "message_start", "message": .object(codec.message(header, usage: usage))],
            to: &bytes)
        bytes += Self.framing.heartbeat
    }

    mutating func add(_ event: AnswerEvent, to bytes: inout [UInt8]) {
        switch event {
        case .promptLogprobs, .embedding, .failed: break
        case .output(_, let piece, _): add(piece, to: &bytes)
        case .finished(_, let end):
            close(&bytes)
            self.end = end
        case .usage(_, let usage): finish(UsageReport(usage), to: &bytes)
        }
    }

    private mutating func add(_ piece: AnswerPiece, to bytes: inout [UInt8]) {
        switch piece {
        case .text(let text):
            if text.isEmpty { return }
            if block != .text {
                begin(.text, ["type": "text", "text": "", "citations": .null], to: &bytes)
            }
            append(delta: "text_delta", "text", text, to: &bytes)
        case .thinking(let text):
            if text.isEmpty { return }
            if block != .thinking {
                begin(
                    .thinking, ["type": "thinking", "thinking": "", "signature": ""], to: &bytes)
            }
            if !codec.omitsThinking {
                append(delta: "thinking_delta", "thinking", text, to: &bytes)
            }
        case .callBegun(let call, let id, let name):
            begin(
                .call(call),
                [
                    "type": "tool_use", "id": .string(id), "name": .string(name),
                    "input": [:],
                ], to: &bytes)
        case .callArguments(let call, let text):
            guard block == .call(call), !text.isEmpty else { return }
            append(delta: "input_json_delta", "partial_json", text, to: &bytes)
        case .callEnded(let call), .callCut(let call):
            if block == .call(call) { close(&bytes) }
        }
    }

    private mutating func begin(_ kind: Kind, _ content: JSONValue, to bytes: inout [UInt8]) {
        close(&bytes)
        block = kind
        append(
            ["type": "content_block_start", "index": .integer(index), "content_block": content],
            to: &bytes)
    }

    private mutating func close(_ bytes: inout [UInt8]) {
        guard let kind = block.take() else { return }
        if kind == .thinking {
            append(
                delta: "signature_delta", "signature", MessagesCodec.signature(header), to: &bytes)
        }
        append(["type": "content_block_stop", "index": .integer(index)], to: &bytes)
        index += 1
    }

    private func finish(_ usage: UsageReport, to bytes: inout [UInt8]) {
        let stop = end.map(MessagesStop.init)
        var event: JSONObject = [
            "type": "message_delta",
            "delta": [
                "stop_reason": stop.map { .string($0.reason) } ?? .null,
                "stop_sequence": stop?.sequence.map { .string($0) } ?? .null,
                "stop_details": .null, "container": .null,
            ],
            "usage": codec.usage(usage),
        ]
        if codec.tellsEdits { event["context_management"] = MessagesCodec.noEdits }
        append(.object(event), to: &bytes)
        append(["type": "message_stop"], to: &bytes)
    }

    mutating func fail(_ error: APIError, to bytes: inout [UInt8]) {
        append(error.body(in: .anthropic), to: &bytes)
    }

    /// Appends the most frequent event by itself, without a tree of values.
    private func append(
        delta type: String, _ key: String, _ text: String, to bytes: inout [UInt8]
    ) {
        bytes.append(text: "event: content_block_delta\ndata: ")
        bytes.append(text: #"{"type":"content_block_delta","index":"#)
        bytes.append(number: index)
        bytes.append(text: #","delta":{"type":""# + type + #"",""# + key + #"":"#)
        bytes.append(quoted: text)
        bytes.append(text: "}}\n\n")
    }

    private func append(_ event: JSONValue, to bytes: inout [UInt8]) { bytes += Self.event(event) }

    /// An event, whose name is its type.
    private static func event(_ event: JSONValue) -> [UInt8] {
        ServerSentEvents.encode(data: event.serialized(), event: event["type"]?.stringValue)
    }
}
