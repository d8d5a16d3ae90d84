// SPDX-License-Identifier: Apache-2.0

import Conversation
import Generation
import HTTP
import JSON
import Serving
import Tokenization

/// A chat answer that is about to be generated.
struct ChatPlan: Sendable {
    /// What is generated; nil once the engine has it.
    var generation: GenerationRequest?
    let model: ServedModel
    let options: GenerationOptions
    /// Where the prompt came from.
    let field: FieldPath
    /// Text that the answer begins with, though it was not generated.
    var prefix = ""
    var returnsLogprobs = false
    var returnsPromptLogprobs = false
    /// The tokens of the prompt.
    let promptCount: Int
    /// The prompt's ids, if ids are to be returned.
    let promptTokenIDs: [Int32]?

    init(
        _ generation: GenerationRequest, _ options: GenerationOptions, from field: FieldPath,
        _ model: ServedModel
    ) {
        self.generation = generation
        self.model = model
        self.options = options
        self.field = field
        promptCount = generation.promptTokens.count
        promptTokenIDs = options.returnsTokenIDs ? generation.promptTokens : nil
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
        try Self.checkTools(request, model)
        let prompt = try Self.tokens(
            of: ChatPrompt(request), model, limit: model.engine.contextLength)
        var generation = try GenerationRequest(
            prompt: prompt, options: request.options,
            defaultTemperature: Self.defaultTemperature(of: model), model: model)
        generation.topLogprobs = request.topLogprobs
        generation.promptLogprobs = request.promptTopLogprobs
        generation.continuesText = request.continuesFinalMessage
        var plan = ChatPlan(generation, request.options, from: "messages", model)
        plan.returnsLogprobs = request.topLogprobs != nil
        plan.returnsPromptLogprobs = request.promptTopLogprobs != nil
        if let last = request.messages.last, last.isPrefix { plan.prefix = last.content ?? "" }
        return plan
    }

    /// Throws if there are tools that the model would never see.
    private static func checkTools(
        _ request: ChatCompletionRequest, _ model: ServedModel
    ) throws(APIError) {
        guard !request.tools.isEmpty, !model.prompts.takesTools else { return }
        throw .invalidRequest(
            .unsupported("tools", reason: "this model's chat format has no place for tools"))
    }

    /// `POST /v1/fim/completions`, which answers in the shape of a chat.
    func fimCompletion(
        _ body: JSONObject, _ dialect: Dialect
    ) throws(APIError) -> ChatPlan {
        let request = try decode { () throws(FieldError) in
            try FIMCompletionRequest(body, dialect: dialect, limits: configuration.limits)
        }
        let model = try model(named: request.model)
        let prompt = try Self.gap(
            before: request.prompt, after: request.suffix, "model", from: "prompt", model)
        var generation = try GenerationRequest(
            prompt: prompt, options: request.options,
            defaultTemperature: Self.defaultTemperature(of: model), model: model)
        generation.continuesText = true
        return ChatPlan(generation, request.options, from: "prompt", model)
    }

    /// The ids of a prompt with a gap, if the vocabulary has a way to write one.
    ///
    /// - Parameters:
    ///   - before: the text before the gap.
    ///   - after: the text after it.
    ///   - field: what asked for a gap.
    ///   - source: where the text came from.
    ///   - model: whose vocabulary.
    /// - Returns: the ids.
    /// - Throws: `APIError` if there is no way, or the text does not fit.
    static func gap(
        before: String, after: String, _ field: FieldPath, from source: FieldPath,
        _ model: ServedModel
    ) throws(APIError) -> [Int32] {
        guard let fim = model.fim else {
            throw .invalidRequest(
                .unsupported(
                    field,
                    reason: "this model cannot fill in the middle: its vocabulary has no tokens "
                        + "for prefix and suffix"))
        }
        do throws(TokenLimitError) {
            return try fim.tokens(
                before: before, after: after, tokenizer: model.tokenizer,
                limit: model.engine.contextLength)
        } catch {
            throw tooLong(error, source, model)
        }
    }

    func answer(
        _ plan: ChatPlan, _ context: RequestContext
    ) async throws(APIError) -> ServerResponse {
        var plan = plan
        guard let generation = plan.generation.take() else {
            throw .failed(reason: "The answer was generated before.")
        }
        let events = try submit(generation, field: plan.field, plan.model, context)
        if plan.options.streams {
            return respond(
                with: ChatStream(streamContext(plan, context)), to: [events], context)
        }
        let header = header(
            plan.model, context, object: "chat.completion", idPrefix: "chatcmpl-")
        return try await respond { [plan] () async throws(APIError) in
            let answer = try await Self.collect(events, choiceCount: plan.options.choiceCount)
            if let usage = answer.usage { context.record.consumed(usage) }
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
        let promptLogprobs =
            plan.returnsPromptLogprobs
            ? answer.promptLogprobs.compactMap { $0.map(formatter.probability) } : nil
        var choices: [ChatCompletion.Choice] = []
        for (index, choice) in answer.choices.enumerated() {
            var written = ChatCompletion.Choice(
                index: index, content: plan.prefix + choice.text,
                finishReason: try (choice.reason ?? .cancelled).name(in: dialect),
                stopReason: choice.reason?.stopReason,
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
