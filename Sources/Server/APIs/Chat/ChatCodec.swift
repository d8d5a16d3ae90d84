// SPDX-License-Identifier: Apache-2.0

import Conversation
import Generation
import JSON
import Serving

extension RouteGroup {
    /// Conversations.
    static let chat = RouteGroup(.post("/v1/chat/completions", answer: ChatCodec.plan))
}

/// How the answer to a conversation is written, or what fills a gap.
struct ChatCodec: AnswerCodec {
    static let kind = AnswerKind(
        whole: "chat.completion", chunk: "chat.completion.chunk", idPrefix: "chatcmpl-")

    let dialect: Dialect
    let options: GenerationOptions
    /// Text that the answer begins with, though it was not generated (Mistral's prefix).
    var prefix = ""
    /// How to spell out log probabilities, if they are to be returned.
    var logprobs: LogprobFormatter?
    /// The same for the prompt's.
    var promptLogprobs: LogprobFormatter?
    /// The tokens of the prompt.
    let promptCount: Int
    /// The prompt's ids, if ids are to be returned.
    let promptTokenIDs: [Int32]?

    init(_ options: GenerationOptions, _ requests: [GenerationRequest], in dialect: Dialect) {
        self.dialect = dialect
        self.options = options
        let promptTokens = requests.first?.promptTokens ?? []
        promptCount = promptTokens.count
        promptTokenIDs = options.returnsTokenIDs ? promptTokens : nil
    }

    /// `POST /v1/chat/completions`.
    static func plan(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        let request = try APIError.reading { () throws(FieldError) in
            try ChatCompletionRequest(
                body, dialect: context.dialect, limits: context.backend.configuration.limits)
        }
        let model = try context.backend.model(named: request.model)
        var question = request.options.asking([.chat(ChatPrompt(request))])
        question.generation.topLogprobs = request.topLogprobs
        question.generation.promptLogprobs = request.promptTopLogprobs
        question.generation.continuesText = request.continuesFinalMessage
        let fields = QuestionFields(prompt: "messages")
        let requests = try fields.naming { () throws(ServingError) in
            try model.requests(for: question)
        }
        var codec = ChatCodec(request.options, requests, in: context.dialect)
        let formatter = LogprobFormatter(tokenizer: model.tokenizer)
        if request.topLogprobs != nil { codec.logprobs = formatter }
        if request.promptTopLogprobs != nil { codec.promptLogprobs = formatter }
        if let last = request.messages.last, last.isPrefix { codec.prefix = last.content ?? "" }
        return .generation(
            PlannedAnswer(model: model, requests: requests, fields: fields, codec: codec))
    }

    var streams: Bool { options.streams }

    var tellsTokens: Bool {
        logprobs != nil || promptLogprobs != nil || options.returnsTokenIDs
            || options.returnsTokens
    }

    func stream(_ header: AnswerHeader) -> ChatStream { ChatStream(self, header) }

    func whole(_ header: AnswerHeader, _ answer: CollectedAnswer) throws(APIError) -> [UInt8] {
        var choices: [ChatCompletion.Choice] = []
        for part in answer.parts {
            for choice in part.choices {
                choices.append(try written(choice, index: choices.count, part))
            }
        }
        return ChatCompletion(
            header: header, choices: choices, usage: answer.report, promptTokenIDs: promptTokenIDs
        ).json.serializedBytes()
    }

    private func written(
        _ choice: CollectedAnswer.Choice, index: Int, _ part: CollectedAnswer.Part
    ) throws(APIError) -> ChatCompletion.Choice {
        let end = try choice.written()
        var written = ChatCompletion.Choice(
            index: index, content: prefix + choice.text, finishReason: end.name(in: dialect),
            stopReason: end.stopReason, logprobs: logprobs?.chat(choice.tokens),
            promptLogprobs: promptLogprobs.map { formatter in
                part.promptLogprobs.compactMap { $0.map(formatter.probability) }
            })
        if options.returnsTokenIDs { written.tokenIDs = choice.tokens.map(\.id) }
        if options.returnsTokens { written.tokens = choice.tokens.map(\.id) }
        return written
    }
}

extension ChatPrompt {
    fileprivate init(_ request: ChatCompletionRequest) {
        self.init(
            messages: request.messages, tools: request.tools,
            addsGenerationPrompt: request.addsGenerationPrompt,
            continuesFinalMessage: request.continuesFinalMessage,
            templateArguments: request.templateArguments)
    }
}
