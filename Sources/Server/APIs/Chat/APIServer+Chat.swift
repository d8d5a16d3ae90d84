// SPDX-License-Identifier: Apache-2.0

import Conversation
import Generation
import HTTP
import JSON
import Serving
import Tokenization

/// A chat answer that is about to be generated.
struct ChatPlan: Sendable {
    /// What is generated; empty once the engine has it.
    var requests: [GenerationRequest]
    let model: ServedModel
    let options: GenerationOptions
    /// Where it came from.
    let fields: QuestionFields
    /// Text that the answer begins with, though it was not generated.
    var prefix = ""
    var returnsLogprobs = false
    var returnsPromptLogprobs = false
    /// The tokens of the prompt.
    let promptCount: Int
    /// The prompt's ids, if ids are to be returned.
    let promptTokenIDs: [Int32]?

    init(
        _ question: Question, _ options: GenerationOptions, _ fields: QuestionFields,
        _ model: ServedModel
    ) throws(APIError) {
        requests = try fields.naming { () throws(ServingError) in
            try model.requests(for: question)
        }
        self.model = model
        self.options = options
        self.fields = fields
        let prompt = requests.first?.promptTokens ?? []
        promptCount = prompt.count
        promptTokenIDs = options.returnsTokenIDs ? prompt : nil
    }
}

extension APIServer {
    /// `POST /v1/chat/completions`.
    func chatCompletion(
        _ body: JSONObject, _ dialect: Dialect
    ) throws(APIError) -> ChatPlan {
        let request = try decode { () throws(FieldError) in
            try ChatCompletionRequest(body, dialect: dialect, limits: configuration.limits)
        }
        let model = try model(named: request.model)
        var question = Question([.chat(ChatPrompt(request))], request.options)
        question.generation.topLogprobs = request.topLogprobs
        question.generation.promptLogprobs = request.promptTopLogprobs
        question.generation.continuesText = request.continuesFinalMessage
        var plan = try ChatPlan(
            question, request.options, QuestionFields(prompt: "messages"), model)
        plan.returnsLogprobs = request.topLogprobs != nil
        plan.returnsPromptLogprobs = request.promptTopLogprobs != nil
        if let last = request.messages.last, last.isPrefix { plan.prefix = last.content ?? "" }
        return plan
    }

    /// `POST /v1/fim/completions`, which answers in the shape of a chat.
    func fimCompletion(
        _ body: JSONObject, _ dialect: Dialect
    ) throws(APIError) -> ChatPlan {
        let request = try decode { () throws(FieldError) in
            try FIMCompletionRequest(body, dialect: dialect, limits: configuration.limits)
        }
        let model = try model(named: request.model)
        var question = Question(
            [.gap(before: request.prompt, after: request.suffix)], request.options)
        question.generation.continuesText = true
        return try ChatPlan(
            question, request.options, QuestionFields(prompt: "prompt", gap: "model"), model)
    }

    func answer(
        _ plan: ChatPlan, _ context: RequestContext
    ) async throws(APIError) -> ServerResponse {
        var plan = plan
        let generating = try submit(plan.requests, plan.fields, plan.model, context)
        plan.requests = []
        if plan.options.streams {
            return respond(
                with: ChatStream(streamContext(plan, context)), to: generating, context)
        }
        let header = header(
            plan.model, context, object: "chat.completion", idPrefix: "chatcmpl-")
        return try await respond { [plan] () async throws(APIError) in
            let answer = try await Self.collect(generating, context)
            let tellsTokens =
                plan.returnsLogprobs || plan.returnsPromptLogprobs
                || plan.options.returnsTokenIDs || plan.options.returnsTokens
            return try await written(tellsTokens ? answer.tokenCount : 0, context) {
                () throws(APIError) in
                try Self.completion(answer, plan, header, context.dialect).json
            }
        }
    }

    private static func completion(
        _ answer: CollectedAnswer, _ plan: ChatPlan, _ header: AnswerHeader, _ dialect: Dialect
    ) throws(APIError) -> ChatCompletion {
        let formatter = LogprobFormatter(tokenizer: plan.model.tokenizer)
        let part = answer.parts[0]
        let promptLogprobs =
            plan.returnsPromptLogprobs
            ? part.promptLogprobs.compactMap { $0.map(formatter.probability) } : nil
        var choices: [ChatCompletion.Choice] = []
        for (index, choice) in part.choices.enumerated() {
            let end = try choice.written()
            var written = ChatCompletion.Choice(
                index: index, content: plan.prefix + choice.text,
                finishReason: end.name(in: dialect), stopReason: end.stopReason,
                logprobs: plan.returnsLogprobs ? formatter.chat(choice.tokens) : nil,
                promptLogprobs: promptLogprobs)
            if plan.options.returnsTokenIDs { written.tokenIDs = choice.tokens.map(\.id) }
            if plan.options.returnsTokens { written.tokens = choice.tokens.map(\.id) }
            choices.append(written)
        }
        return ChatCompletion(
            header: header, choices: choices, usage: answer.report,
            promptTokenIDs: plan.promptTokenIDs)
    }

    private func streamContext(_ plan: ChatPlan, _ context: RequestContext) -> ChatStream.Context {
        ChatStream.Context(
            header: header(
                plan.model, context, object: "chat.completion.chunk", idPrefix: "chatcmpl-"),
            dialect: context.dialect, choiceCount: plan.options.choiceCount,
            usageStyle: StreamUsage(plan.options, in: context.dialect),
            continuousPromptTokens: plan.options.tellsUsageContinuously
                ? plan.promptCount : nil,
            returnsTokens: plan.options.returnsTokens, prefix: plan.prefix,
            promptTokenIDs: plan.promptTokenIDs,
            logprobs: plan.returnsLogprobs
                ? LogprobFormatter(tokenizer: plan.model.tokenizer) : nil)
    }

    /// What an answer begins with.
    func header(
        _ model: ServedModel, _ context: RequestContext, object: String, idPrefix: String
    ) -> AnswerHeader {
        AnswerHeader(
            id: context.answerID(prefix: idPrefix), object: object, created: unixTime(),
            model: model.description.name, systemFingerprint: model.fingerprint)
    }
}

extension StreamUsage {
    /// Where usage belongs.
    init(_ options: GenerationOptions, in dialect: Dialect) {
        self =
            dialect.streamUsage
            ?? options.includesUsage.map { $0 ? .lastChunk : .omitted } ?? .unasked
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
