// SPDX-License-Identifier: Apache-2.0

import Generation
import HTTP
import JSON
import Serving

/// How an answer of Ollama's API is written: one object, or a line for each part of it.
struct OllamaCodec: AnswerCodec {
    /// Where the text of an answer stands.
    enum Place: Sendable {
        /// In a message (`/api/chat`).
        case message

        /// Beside the rest (`/api/generate`).
        case response
    }

    static let kind = AnswerKind(whole: "chat", chunk: "chat", idPrefix: "")

    let place: Place
    let streams: Bool

    /// The model, as the client calls it.
    let model: String

    /// The tokens of the prompt, where the answer ends with all tokens of the conversation.
    var context: [Int32]?

    /// How to spell out log probabilities, if they are to be returned.
    var logprobs: LogprobFormatter?

    var tellsTokens: Bool { logprobs != nil || context != nil }

    func stream(_ header: AnswerHeader) -> OllamaStream { OllamaStream(self, header) }

    func whole(_ header: AnswerHeader, _ answer: CollectedAnswer) throws(APIError) -> [UInt8] {
        guard let part = answer.parts.first, let choice = part.choices.first else {
            throw .failed(reason: "the engine has given no answer")
        }
        let end = try choice.written()
        var object = opened(header)
        var said = Said(text: choice.text, thinking: choice.thinking)
        said.calls = choice.calls.enumerated().filter { !$0.element.isCut }
            .map { Self.call($0.offset, $0.element) }
        write(said, to: &object)
        if let logprobs { object["logprobs"] = Self.json(logprobs.chat(choice.tokens)) }
        close(&object, end, part.usage ?? Usage(), tokens: choice.tokens.map(\.id))
        return JSONValue.object(object).serializedBytes()
    }

    // MARK: What whole answers and lines share

    /// What a line or an answer says.
    struct Said {
        var text = ""
        var thinking = ""
        var calls: [JSONValue] = []

        var isEmpty: Bool { text.isEmpty && thinking.isEmpty && calls.isEmpty }
    }

    /// What every object begins with.
    func opened(_ header: AnswerHeader) -> JSONObject {
        [
            "model": .string(model),
            "created_at": .string(CivilTime(header.created).rfc3339),
        ]
    }

    /// Adds what is said where it belongs.
    func write(_ said: Said, to object: inout JSONObject) {
        switch place {
        case .message:
            var message: JSONObject = ["role": "assistant", "content": .string(said.text)]
            if !said.thinking.isEmpty { message["thinking"] = .string(said.thinking) }
            if !said.calls.isEmpty { message["tool_calls"] = .array(said.calls) }
            object["message"] = .object(message)
        case .response:
            object["response"] = .string(said.text)
            if !said.thinking.isEmpty { object["thinking"] = .string(said.thinking) }
        }
        object["done"] = false
    }

    /// Adds how the answer ended, and what it took.
    func close(
        _ object: inout JSONObject, _ end: AnswerEvent.End?, _ usage: Usage, tokens: [Int32]
    ) {
        let queued = usage.queueDuration ?? .zero
        let first = usage.firstTokenDuration ?? usage.totalDuration
        object["done"] = true
        object["done_reason"] = .string(Self.reason(end))
        if let context { object["context"] = (context + tokens).json }
        object["total_duration"] = .integer(Self.nanoseconds(usage.totalDuration))
        object["load_duration"] = .integer(Self.nanoseconds(queued))
        object["prompt_eval_count"] = .integer(usage.promptTokens)
        object["prompt_eval_duration"] = .integer(Self.nanoseconds(first - queued))
        object["eval_count"] = .integer(usage.completionTokens)
        object["eval_duration"] = .integer(Self.nanoseconds(usage.totalDuration - first))
    }

    /// Calls of tools are no reason of their own.
    private static func reason(_ end: AnswerEvent.End?) -> String {
        switch end {
        case .length, .contextLength, .repetition: "length"
        case .stop, .toolCalls, nil: "stop"
        }
    }

    private static func nanoseconds(_ duration: Duration) -> Int {
        let count = (duration / .nanoseconds(1)).rounded()
        return Int(min(max(0, count), 9e18))
    }

    /// A whole call, whose arguments are an object.
    static func call(_ index: Int, _ call: CollectedAnswer.Choice.Call) -> JSONValue {
        self.call(index, id: call.id, name: call.name, arguments: call.arguments)
    }

    /// A whole call by its parts.
    static func call(_ index: Int, id: String, name: String, arguments: String) -> JSONValue {
        [
            "id": .string(id),
            "function": [
                "index": .integer(index), "name": .string(name),
                "arguments": .object(CallArguments.object(of: arguments)),
            ],
        ]
    }

    /// The log probabilities of some tokens.
    static func json(_ tokens: [TokenProbability]) -> JSONValue { .array(tokens.map(\.json)) }
}
