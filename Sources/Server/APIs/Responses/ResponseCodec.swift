// SPDX-License-Identifier: Apache-2.0

import Access
import AnswerParsing
import Generation
import HTTP
import JSON
import Serving

extension RouteGroup {
    /// OpenAI's Responses API, of which Mistral has the part that stores nothing.
    static let responses = RouteGroup(
        for: .responses,
        .post("/v1/responses", contract: .response, answer: ResponseCodec.plan),
        .post(
            "/v1/responses/input_tokens", contract: .countResponse, answer: ResponseCodec.count))
}

/// How a response is written.
struct ResponseCodec: AnswerCodec {
    static let kind = AnswerKind(whole: "response", chunk: "response", idPrefix: "resp_")

    let streams: Bool
    /// What responses repeat of the request.
    private let settings: ResponseSettings
    /// How the client knows its tools.
    private let tools: ResponseTools
    /// How thoughts are told.
    private let style: ThinkingStyle
    /// How to spell out log probabilities, if they are to be returned.
    private let logprobs: LogprobFormatter?
    /// Where the response is kept, if it is, and what it answers.
    private let storage: StoredResponses?
    private let items: [JSONValue]
    /// The seconds since 1970.
    let unixTime: @Sendable () -> Int

    private init(_ request: ResponseRequest, by model: ServedModel, _ context: RequestContext) {
        streams = request.options.streams
        tools = ResponseTools(request.calls)
        style = ThinkingStyle(
            isSummarized: request.summarizesThinking, isSealed: request.sealsThinking)
        logprobs = request.topLogprobs.map { _ in LogprobFormatter(tokenizer: model.tokenizer) }
        storage = request.isStored ? StoredResponses(of: context) : nil
        items = request.isStored ? request.items : []
        unixTime = { context.unixTime }
        var settings = request.settings
        let temperature = request.options.question.temperature
        settings.members["temperature"] = .number(
            temperature ?? model.description.defaultTemperature ?? 1)
        self.settings = settings
    }

    /// `POST /v1/responses`.
    static func plan(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        let (request, model) = try read(body, context)
        if request.model == nil { throw .invalidRequest(.missing("model")) }
        let fields = fields(of: request)
        let prompt = try fields.naming { () throws(ServingError) in
            guard request.truncates else { return request.prompt }
            return try ConversationWindow(request.prompt).fitting(model)
        }
        var question = request.options.asking([.chat(prompt)])
        question.generation.topLogprobs = request.topLogprobs
        question.plan = request.plan
        let requests = try fields.naming { () throws(ServingError) in
            try model.requests(for: question, of: context.asker)
        }
        return .generation(
            PlannedAnswer(
                model: model, requests: requests, reading: model.reading(of: question, requests),
                fields: fields, codec: ResponseCodec(request, by: model, context)))
    }

    /// `POST /v1/responses/input_tokens`: how long the prompt would be.
    static func count(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        let (request, model) = try read(body, context)
        let tokens = try fields(of: request).naming { () throws(ServingError) in
            try model.tokens(of: .chat(request.prompt), limit: .max)
        }
        return .response(
            ServerResponse(json: [
                "object": "response.input_tokens", "input_tokens": .integer(tokens.count),
            ]))
    }

    private static func read(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> (ResponseRequest, ServedModel) {
        let request = try APIError.reading { () throws(FieldError) in
            try ResponseRequest(
                body, dialect: context.dialect, limits: context.backend.configuration.limits,
                agent: context.agent, storage: StoredResponses(of: context))
        }
        return (request, try context.model(named: request.model))
    }

    private static func fields(of request: ResponseRequest) -> QuestionFields {
        QuestionFields(
            prompt: "input", output: request.options.output?.path, tools: request.calls.inputPaths)
    }

    var tellsTokens: Bool { logprobs != nil }

    /// Nothing of a response yet.
    func output(of response: ResponseObject) -> ResponseOutput {
        ResponseOutput(response.name, tools: tools, telling: style, logprobs: logprobs)
    }

    func stream(_ header: AnswerHeader) -> ResponseStream {
        ResponseStream(self, ResponseObject(header, settings), telling: style)
    }

    func whole(_ header: AnswerHeader, _ answer: CollectedAnswer) throws(APIError) -> [UInt8] {
        let response = ResponseObject(header, settings)
        var output = output(of: response)
        guard let choice = answer.parts.first?.choices.first else {
            throw .failed(reason: "there is no answer")
        }
        let end = try choice.written()
        for (piece, tokens) in choice.pieces { _ = output.add(piece, tokens) }
        _ = output.finish(isComplete: end.isComplete)
        let stage = ResponseObject.Stage.ended(end, answer.report, at: unixTime())
        let json = response.json(stage, output.items)
        keep(json)
        return json.serializedBytes()
    }

    /// Keeps a response that has ended, if its client may come back to it.
    func keep(_ response: JSONValue) {
        guard let storage, let kept = StoredResponse(response, input: items) else { return }
        storage.keep(kept)
    }
}
