// SPDX-License-Identifier: Apache-2.0

import Access
import AnswerParsing
import Conversation
import Generation
import JSON
import Serving

extension RouteGroup {
    /// Conversations.
    static let chat = RouteGroup(
        for: .chat,
        .post("/v1/chat/completions", contract: .chat, answer: ChatCodec.plan))
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
    /// Tools that take any text.
    private var customTools: Set<String> = []
    /// Whether calls are those of OpenAI's older API.
    private var callsFunctions = false

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
        let model = try context.model(named: request.model)
        var question = request.options.asking([.chat(ChatPrompt(request))])
        question.generation.topLogprobs = request.topLogprobs
        question.generation.promptLogprobs = request.promptTopLogprobs
        question.generation.continuesText = request.continuesFinalMessage
        question.plan = request.plan
        let fields = QuestionFields(
            prompt: "messages", output: request.options.output?.path,
            tools: request.calls.inputPaths)
        let requests = try fields.naming { () throws(ServingError) in
            try model.requests(for: question, of: context.asker)
        }
        var codec = ChatCodec(request.options, requests, in: context.dialect)
        let formatter = LogprobFormatter(tokenizer: model.tokenizer)
        if request.topLogprobs != nil { codec.logprobs = formatter }
        if let topCount = request.promptTopLogprobs {
            try LogprobFormatter.check(
                requests, topCount: topCount, choiceCount: request.options.choiceCount,
                askedBy: "prompt_logprobs")
            codec.promptLogprobs = formatter
        }
        if let last = request.messages.last, last.isPrefix { codec.prefix = last.content ?? "" }
        codec.customTools = Set(request.calls.tools.filter(\.isCustom).map(\.name))
        codec.callsFunctions = request.calls.areFunctions
        return .generation(
            PlannedAnswer(
                model: model, requests: requests, reading: model.reading(of: question, requests),
                fields: fields, codec: codec))
    }

    /// A call as it begins.
    func call(_ index: Int, id: String, name: String) -> WrittenCall {
        WrittenCall(index: index, kind: kind(of: name), id: id, name: name, input: "")
    }

    private func kind(of name: String) -> WrittenCall.Kind {
        callsFunctions ? .legacy : customTools.contains(name) ? .custom : .function
    }

    /// Why a choice ended, as the client knows it.
    func finishReason(_ end: AnswerEvent.End) -> String {
        end == .toolCalls && callsFunctions ? "function_call" : end.name(in: dialect)
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
            index: index, content: prefix + choice.text, finishReason: finishReason(end),
            stopReason: end.stopReason, logprobs: logprobs?.chat(choice.tokens),
            promptLogprobs: promptLogprobs.map { formatter in
                part.promptLogprobs.compactMap { $0.map(formatter.probability) }
            })
        written.thinking = choice.thinking
        written.thinksInContent = dialect.thinksInContent
        written.contentBesideCalls = dialect.contentBesideCalls
        written.calls = choice.calls.enumerated().map { index, call in
            var written = self.call(index, id: call.id, name: call.name)
            written.input = call.arguments
            return written
        }
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
