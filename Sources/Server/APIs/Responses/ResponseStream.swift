// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import Generation
import HTTP
import JSON
import Serving

/// The stream of a response: named and numbered events, the last of which has all of it.
struct ResponseStream: AnswerStream {
    /// The last event ends it; no SDK waits for more.
    static let framing = StreamFraming(
        contentType: ServerSentEvents.contentType,
        heartbeat: ServerSentEvents.comment("keep-alive"), ending: [])

    private let codec: ResponseCodec
    private let response: ResponseObject
    private let style: ThinkingStyle
    private var output: ResponseOutput
    private var eventCount = 0
    /// How the answer ended, until its usage is known.
    private var end: AnswerEvent.End?

    init(_ codec: ResponseCodec, _ response: ResponseObject, telling style: ThinkingStyle) {
        self.codec = codec
        self.response = response
        self.style = style
        output = codec.output(of: response)
    }

    mutating func open(_ bytes: inout [UInt8]) {
        let json = response.json(.inProgress, [])
        append("response.created", json, to: &bytes)
        append("response.in_progress", json, to: &bytes)
    }

    /// Appends an event while a long prompt is computed, and later a comment.
    ///
    /// Codex takes comments for silence, and gives up after five minutes of it. The event has the
    /// whole response, and so none that clients put together from its parts.
    mutating func beat(_ bytes: inout [UInt8]) {
        if output.items.isEmpty {
            append("response.in_progress", response.json(.inProgress, []), to: &bytes)
        } else {
            bytes += Self.framing.heartbeat
        }
    }

    mutating func add(_ event: AnswerEvent, to bytes: inout [UInt8]) {
        switch event {
        case .promptLogprobs, .embedding, .failed: break
        case .output(_, let piece, let tokens): append(output.add(piece, tokens), to: &bytes)
        case .finished(_, let end):
            self.end = end
            append(output.finish(isComplete: end.isComplete), to: &bytes)
        case .usage(_, let usage):
            guard let end else { return }
            let stage = ResponseObject.Stage.ended(end, UsageReport(usage), at: codec.unixTime())
            let json = response.json(stage, output.items)
            codec.keep(json)
            append("response." + stage.status, json, to: &bytes)
        }
    }

    /// Ends the response, and says it again as an error, for that is all that some clients look for.
    mutating func fail(_ error: APIError, to bytes: inout [UInt8]) {
        append(output.close(as: .incomplete), to: &bytes)
        append("response.failed", response.json(.failed(error), output.items), to: &bytes)
        append("error", to: &bytes) { bytes in
            let body = error.body(in: .openAI)["error"]
            bytes.append(text: #","code":"#)
            bytes.append(json: body?["code"])
            bytes.append(text: #","message":"#)
            bytes.append(quoted: error.description)
            bytes.append(text: #","param":null,"error":"#)
            bytes.append(json: body)
        }
    }

    // MARK: Changes

    private mutating func append(_ changes: [ResponseOutput.Change], to bytes: inout [UInt8]) {
        for change in changes {
            switch change {
            case .began(let index): begin(index, &bytes)
            case .grew(let index, let text, let logprobs): grow(index, by: text, logprobs, &bytes)
            case .ended(let index): end(index, &bytes)
            }
        }
    }

    private mutating func begin(_ index: Int, _ bytes: inout [UInt8]) {
        let item = output.items[index]
        appendItem("response.output_item.added", index, item.begun.json, to: &bytes)
        switch item.kind {
        case .reasoning:
            if style.isSummarized {
                appendPart(
                    "response.reasoning_summary_part.added", index, item.begun.summaryPart,
                    to: &bytes)
            }
            appendPart("response.content_part.added", index, item.begun.part, to: &bytes)
        case .message:
            appendPart("response.content_part.added", index, item.begun.part, to: &bytes)
        case .call: break
        }
    }

    private mutating func grow(
        _ index: Int, by text: String, _ logprobs: [TokenProbability], _ bytes: inout [UInt8]
    ) {
        switch output.items[index].kind {
        case .reasoning:
            if style.isSummarized {
                appendText(
                    "response.reasoning_summary_text.delta", index, "delta", text, to: &bytes)
            }
            appendText("response.reasoning_text.delta", index, "delta", text, to: &bytes)
        case .message:
            appendText(
                "response.output_text.delta", index, "delta", text, logprobs, to: &bytes)
        case .call(_, _, _, let isCustom):
            let name = isCustom ? "custom_tool_call_input" : "function_call_arguments"
            appendText("response.\(name).delta", index, "delta", text, to: &bytes)
        }
    }

    private mutating func end(_ index: Int, _ bytes: inout [UInt8]) {
        let item = output.items[index]
        // Codex makes a call as soon as that is said to be done; the response has what was cut.
        if case .call = item.kind, item.status == .incomplete { return }
        switch item.kind {
        case .reasoning:
            appendText("response.reasoning_text.done", index, "text", item.text, to: &bytes)
            appendPart("response.content_part.done", index, item.part, to: &bytes)
            if style.isSummarized {
                appendText(
                    "response.reasoning_summary_text.done", index, "text", item.text, to: &bytes)
                appendPart(
                    "response.reasoning_summary_part.done", index, item.summaryPart, to: &bytes)
            }
        case .message:
            appendText(
                "response.output_text.done", index, "text", item.text, item.logprobs, to: &bytes)
            appendPart("response.content_part.done", index, item.part, to: &bytes)
        case .call(_, _, _, isCustom: true):
            appendText(
                "response.custom_tool_call_input.done", index, "input", item.text, to: &bytes)
        case .call(_, let name, _, isCustom: false):
            append("response.function_call_arguments.done", to: &bytes) { bytes in
                Self.appendPlace(of: item, at: index, to: &bytes)
                bytes.append(text: #","name":"#)
                bytes.append(quoted: name)
                bytes.append(text: #","arguments":"#)
                bytes.append(quoted: item.text)
            }
        }
        appendItem("response.output_item.done", index, item.json, to: &bytes)
    }

    // MARK: Events

    /// Appends an event; the body appends its members after the first two.
    private mutating func append(
        _ type: String, to bytes: inout [UInt8], _ members: (inout [UInt8]) -> Void
    ) {
        bytes.append(text: "event: \(type)\ndata: {\"type\":\"\(type)\",\"sequence_number\":")
        bytes.append(number: eventCount)
        members(&bytes)
        bytes.append(text: "}\n\n")
        eventCount += 1
    }

    private mutating func append(
        _ type: String, _ json: JSONValue, to bytes: inout [UInt8]
    ) {
        append(type, to: &bytes) { bytes in
            bytes.append(text: #","response":"#)
            bytes.append(json: json)
        }
    }

    private mutating func appendItem(
        _ type: String, _ index: Int, _ json: JSONValue, to bytes: inout [UInt8]
    ) {
        append(type, to: &bytes) { bytes in
            bytes.append(text: #","output_index":"#)
            bytes.append(number: index)
            bytes.append(text: #","item":"#)
            bytes.append(json: json)
        }
    }

    private mutating func appendPart(
        _ type: String, _ index: Int, _ json: JSONValue, to bytes: inout [UInt8]
    ) {
        let item = output.items[index]
        append(type, to: &bytes) { bytes in
            Self.appendPlace(of: item, at: index, to: &bytes)
            Self.appendPartIndex(type, item, to: &bytes)
            bytes.append(text: #","part":"#)
            bytes.append(json: json)
        }
    }

    private mutating func appendText(
        _ type: String, _ index: Int, _ key: String, _ text: String,
        _ logprobs: [TokenProbability] = [], to bytes: inout [UInt8]
    ) {
        let item = output.items[index]
        append(type, to: &bytes) { bytes in
            Self.appendPlace(of: item, at: index, to: &bytes)
            Self.appendPartIndex(type, item, to: &bytes)
            bytes.append(text: ",\"\(key)\":")
            bytes.append(quoted: text)
            guard item.kind == .message else { return }
            bytes.append(text: #","logprobs":"#)
            bytes.append(json: .array(logprobs.map(\.json)))
        }
    }

    private static func appendPlace(
        of item: ResponseItem, at index: Int, to bytes: inout [UInt8]
    ) {
        bytes.append(text: #","item_id":"#)
        bytes.append(quoted: item.id)
        bytes.append(text: #","output_index":"#)
        bytes.append(number: index)
    }

    /// Each item has one part; calls have none.
    private static func appendPartIndex(
        _ type: String, _ item: ResponseItem, to bytes: inout [UInt8]
    ) {
        if case .call = item.kind { return }
        let isSummary = type.hasPrefix("response.reasoning_summary")
        bytes.append(text: isSummary ? #","summary_index":0"# : #","content_index":0"#)
    }
}

extension ResponseItem {
    /// The item as it was when it began.
    fileprivate var begun: ResponseItem {
        var item = self
        item.text = ""
        item.logprobs = []
        item.status = .inProgress
        return item
    }
}
