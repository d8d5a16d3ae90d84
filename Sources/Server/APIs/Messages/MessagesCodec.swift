// SPDX-License-Identifier: Apache-2.0

import Access
import AnswerParsing
import Generation
import HTTP
import JSON
import Serving

extension RouteGroup {
    /// Anthropic's Messages API.
    static let messages = RouteGroup(
        for: .messages,
        .post(
            "/v1/messages", dialect: .anthropic, contract: .messages, answer: MessagesCodec.plan),
        .post(
            "/v1/messages/count_tokens", dialect: .anthropic, contract: .countMessageTokens,
            answer: MessagesCodec.count),
        // What Claude Code tells of itself, again and again until it is taken; nobody reads it.
        .post(
            "/api/event_logging/batch", "/api/event_logging/v2/batch", isListed: false,
            dialect: .anthropic, contract: .clientEvents
        ) { _, _ in .response(ServerResponse(json: [:])) })
}

/// How a message of Anthropic's API is written.
struct MessagesCodec: AnswerCodec {
    static let kind = AnswerKind(whole: "message", chunk: "message", idPrefix: "msg_")

    let streams: Bool
    let tellsTokens = false

    /// The tokens of the prompt.
    let promptCount: Int

    /// Whether thinking is told of by a signature alone.
    let omitsThinking: Bool

    /// Whether the answer says which edits were made to its context.
    let tellsEdits: Bool

    /// `POST /v1/messages`.
    static func plan(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        let request = try APIError.reading { () throws(FieldError) in
            try MessagesRequest(body, limits: context.backend.configuration.limits)
        }
        let model = try context.model(named: request.model)
        let (question, fields) = (request.question, request.questionFields)
        let requests = try fields.naming { () throws(ServingError) in
            try model.requests(for: question, of: context.asker)
        }
        return .generation(
            PlannedAnswer(
                model: model, requests: requests, reading: model.reading(of: question, requests),
                fields: fields,
                codec: MessagesCodec(
                    streams: request.options.streams,
                    promptCount: requests.first?.promptTokens.count ?? 0,
                    omitsThinking: request.omitsThinking, tellsEdits: request.asksForEdits)))
    }

    /// `POST /v1/messages/count_tokens`: how long the prompt would be.
    static func count(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        let request = try APIError.reading { () throws(FieldError) in
            try MessagesRequest(
                body, limits: context.backend.configuration.limits, generates: false)
        }
        let model = try context.model(named: request.model)
        let tokens = try request.questionFields.naming { () throws(ServingError) in
            try model.tokens(of: .chat(request.prompt), limit: .max)
        }
        var answer: JSONObject = ["input_tokens": .integer(tokens.count)]
        if request.asksForEdits {
            answer["context_management"] = ["original_input_tokens": .integer(tokens.count)]
        }
        return .response(ServerResponse(json: .object(answer)))
    }

    func stream(_ header: AnswerHeader) -> MessagesStream { MessagesStream(self, header) }

    func whole(_ header: AnswerHeader, _ answer: CollectedAnswer) throws(APIError) -> [UInt8] {
        guard let choice = answer.parts.first?.choices.first else {
            throw .failed(reason: "the engine has given no answer")
        }
        let end = try choice.written()
        var message = message(header, usage: usage(answer.report))
        message["content"] = .array(blocks(of: choice, header))
        let stop = MessagesStop(end)
        message["stop_reason"] = .string(stop.reason)
        message["stop_sequence"] = stop.sequence.map { .string($0) } ?? .null
        if tellsEdits { message["context_management"] = Self.noEdits }
        return JSONValue.object(message).serializedBytes()
    }

    // MARK: What whole messages and streams share

    /// A message of which nothing has been said yet.
    func message(_ header: AnswerHeader, usage: JSONValue) -> JSONObject {
        [
            "id": .string(header.id), "type": "message", "role": "assistant",
            "model": .string(header.model), "content": [], "stop_reason": .null,
            "stop_sequence": .null, "stop_details": .null, "container": .null, "usage": usage,
        ]
    }

    /// What a client that manages its context is told of it.
    static let noEdits: JSONValue = ["applied_edits": []]

    /// The blocks of an answer, in its order.
    private func blocks(
        of choice: CollectedAnswer.Choice, _ header: AnswerHeader
    ) -> [JSONValue] {
        var blocks: [JSONObject] = []
        let calls = choice.calls
        for (piece, _) in choice.pieces {
            switch piece {
            case .text(let text):
                if text.isEmpty { break }
                Self.extend(
                    &blocks, "text", text, ["type": "text", "text": "", "citations": .null])
            case .thinking(let text):
                Self.extend(
                    &blocks, "thinking", omitsThinking ? "" : text,
                    [
                        "type": "thinking", "thinking": "",
                        "signature": .string(Self.signature(header)),
                    ])
            case .callBegun(let index, let id, let name):
                let arguments = calls.indices.contains(index) ? calls[index].arguments : ""
                blocks.append([
                    "type": "tool_use", "id": .string(id), "name": .string(name),
                    "input": .object(CallArguments.object(of: arguments)),
                ])
            case .callArguments, .callEnded, .callCut: break
            }
        }
        return blocks.map { .object($0) }
    }

    /// Adds a text to the last block if it is of that type, or else to a new one.
    private static func extend(
        _ blocks: inout [JSONObject], _ type: String, _ text: String, _ fresh: JSONObject
    ) {
        if blocks.last?["type"]?.stringValue != type { blocks.append(fresh) }
        let last = blocks.count - 1
        blocks[last][type] = .string((blocks[last][type]?.stringValue ?? "") + text)
    }

    /// What stands where Anthropic proves that thinking is its own; clients drop thinking without it.
    ///
    /// Nothing is proven here, since templates take thinking back as it is.
    static func signature(_ header: AnswerHeader) -> String { "sig_" + header.id }

    /// The token counts: those that were computed beside those that were not.
    func usage(_ report: UsageReport) -> JSONValue {
        let computed = report.promptTokens - report.cachedTokens
        // One at least is left where any was computed: Claude Code reads none as a missing count.
        let written = min(report.cacheWriteTokens, max(0, computed - 1))
        let rest = max(0, computed - written)
        var usage: JSONObject = [
            "input_tokens": .integer(rest),
            "cache_creation_input_tokens": .integer(written),
            "cache_read_input_tokens": .integer(report.cachedTokens),
            "cache_creation": [
                "ephemeral_5m_input_tokens": .integer(written), "ephemeral_1h_input_tokens": 0,
            ],
            "output_tokens": .integer(report.completionTokens),
            "output_tokens_details": ["thinking_tokens": .integer(report.thinkingTokens)],
            "server_tool_use": .null, "service_tier": "standard",
        ]
        if let diagnosis = report.diagnosis { usage["prompt_cache_diagnostics"] = diagnosis.json }
        return .object(usage)
    }
}

/// Why a message ended, in Anthropic's words.
struct MessagesStop {
    /// The reason.
    let reason: String

    /// The client's stop sequence, where one ended it.
    let sequence: String?

    init(_ end: AnswerEvent.End) {
        var sequence: String?
        switch end {
        case .stop(.string(let text)?):
            reason = "stop_sequence"
            sequence = text
        case .stop: reason = "end_turn"
        case .toolCalls: reason = "tool_use"
        case .length, .repetition: reason = "max_tokens"
        case .contextLength: reason = "model_context_window_exceeded"
        }
        self.sequence = sequence
    }
}
