// SPDX-License-Identifier: Apache-2.0

import Generation
import HTTP
import JSON
import Serving
import Tokenization

/// One prompt of a completion.
struct TextPrompt: Sendable {
    /// Its ids; a plan has them only where the answer tells them.
    let tokens: [Int32]

    /// How many ids it has.
    let tokenCount: Int

    /// Its text, the client's own where it sent text.
    ///
    /// A plan has it only for `echo`.
    let text: String
}

/// A completion that is about to be generated.
struct TextPlan: Sendable {
    /// The request without its prompts.
    let request: CompletionRequest
    let model: ServedModel
    /// What the answer needs of each prompt.
    let prompts: [TextPrompt]
    /// What is generated for each prompt, and where it came from.
    let generations: [(request: GenerationRequest, field: FieldPath)]
}

extension APIServer {
    /// `POST /v1/completions`.
    func textCompletion(
        _ body: JSONObject, _ dialect: Dialect
    ) throws(APIError) -> TextPlan {
        var request = try decode { () throws(FieldError) in
            try CompletionRequest(body, dialect: dialect, limits: configuration.limits)
        }
        let model = try model(named: request.model)
        var prompts: [TextPrompt] = []
        var generations: [(request: GenerationRequest, field: FieldPath)] = []
        let needsTokens =
            request.options.returnsTokenIDs || (request.echoes && request.topLogprobs != nil)
        for (index, prompt) in request.prompts.enumerated() {
            let path = request.prompts.count == 1 ? "prompt" : FieldPath("prompt").appending(index)
            let prompt = try Self.prompt(prompt, at: path, request, model)
            prompts.append(
                TextPrompt(
                    tokens: needsTokens ? prompt.tokens : [], tokenCount: prompt.tokenCount,
                    text: request.echoes ? prompt.text : ""))
            generations.append((try Self.generation(prompt.tokens, request, model), path))
        }
        request.prompts = []
        request.suffix = nil
        return TextPlan(
            request: request, model: model, prompts: prompts, generations: generations)
    }

    /// Generates what was planned.
    func answer(
        _ plan: TextPlan, _ context: RequestContext
    ) async throws(APIError) -> ServerResponse {
        let (request, model, prompts) = (plan.request, plan.model, plan.prompts)
        var requests: [GenerationEvents] = []
        for (generation, field) in plan.generations {
            requests.append(try submit(generation, field: field, model, context))
        }
        if request.options.streams {
            let stream = TextStream(streamContext(request, prompts, context, model))
            return respond(with: stream, to: requests, context)
        }
        let header = header(model, context, object: "text_completion", idPrefix: "cmpl-")
        return try await respond { [requests] () async throws(APIError) in
            var answers: [CollectedAnswer] = []
            for events in requests {
                let answer = try await Self.collect(events, choiceCount: request.bestOf)
                if let usage = answer.usage { context.record.consumed(usage) }
                answers.append(answer)
            }
            let tellsTokens =
                request.topLogprobs != nil || request.options.returnsTokenIDs
                || request.options.returnsTokens
            let tokenCount = tellsTokens ? answers.reduce(0) { $0 + $1.tokenCount } : 0
            return try await written(tokenCount, context) { [answers] () throws(APIError) in
                let formatter = LogprobFormatter(tokenizer: model.tokenizer)
                return try Self.completion(header, request, prompts, answers, formatter).json
            }
        }
    }

    private static func prompt(
        _ prompt: CompletionRequest.Prompt, at path: FieldPath, _ request: CompletionRequest,
        _ model: ServedModel
    ) throws(APIError) -> TextPrompt {
        switch prompt {
        case .tokens(let tokens):
            guard request.suffix == nil else {
                throw .invalid("suffix", expected: "no suffix, for the prompt is token ids")
            }
            try checkTokens(tokens, at: path, model)
            return TextPrompt(
                tokens: tokens, tokenCount: tokens.count,
                text: request.echoes ? model.tokenizer.decode(tokens) : "")
        case .text(let text):
            if let suffix = request.suffix {
                let tokens = try gap(before: text, after: suffix, "suffix", from: path, model)
                return TextPrompt(tokens: tokens, tokenCount: tokens.count, text: text)
            }
            // The client has applied the chat template itself.
            do throws(TokenLimitError) {
                let tokens = try model.tokenizer.encode(
                    prompt: text, addSpecial: request.addsSpecialTokens,
                    limit: model.engine.contextLength)
                return TextPrompt(tokens: tokens, tokenCount: tokens.count, text: text)
            } catch {
                throw tooLong(error, path, model)
            }
        }
    }

    private static func generation(
        _ tokens: [Int32], _ request: CompletionRequest, _ model: ServedModel
    ) throws(APIError) -> GenerationRequest {
        var generation = try GenerationRequest(
            prompt: tokens, options: request.options,
            defaultTemperature: defaultTemperature(of: model), model: model)
        generation.choiceCount = request.bestOf
        generation.continuesText = true
        let ranks = request.bestOf > request.options.choiceCount
        generation.topLogprobs = request.topLogprobs ?? (ranks ? 0 : nil)
        if request.echoes { generation.promptLogprobs = request.topLogprobs }
        return generation
    }

    private static func completion(
        _ header: AnswerHeader, _ request: CompletionRequest, _ prompts: [TextPrompt],
        _ answers: [CollectedAnswer], _ formatter: LogprobFormatter
    ) throws(APIError) -> TextCompletion {
        let returnsIDs = request.options.returnsTokenIDs
        var usage = UsageReport()
        var choices: [TextCompletion.Choice] = []
        for (prompt, answer) in zip(prompts, answers) {
            usage += answer.report
            for choice in answer.best(request.options.choiceCount) {
                var written = TextCompletion.Choice(
                    index: choices.count,
                    text: (request.echoes ? prompt.text : "") + choice.text,
                    finishReason: try (choice.reason ?? .cancelled).name(in: .openAI),
                    stopReason: choice.reason?.stopReason,
                    logprobs: logprobs(of: choice, request, prompt, answer, formatter),
                    tokenIDs: returnsIDs ? choice.tokens.map(\.id) : nil,
                    promptTokenIDs: returnsIDs ? prompt.tokens : nil)
                if request.options.returnsTokens { written.tokens = choice.tokens.map(\.id) }
                choices.append(written)
            }
        }
        return TextCompletion(
            header: header, choices: choices, usage: usage,
            promptTokenIDs: returnsIDs ? prompts.first?.tokens : nil)
    }

    private static func logprobs(
        of choice: CollectedAnswer.Choice, _ request: CompletionRequest, _ prompt: TextPrompt,
        _ answer: CollectedAnswer, _ formatter: LogprobFormatter
    ) -> CompletionLogprobs? {
        guard request.topLogprobs != nil else { return nil }
        var result = CompletionLogprobs()
        var offset = 0
        if request.echoes {
            formatter.append(
                prompt: prompt.tokens, of: prompt.text, answer.promptLogprobs, to: &result)
            offset = prompt.text.unicodeScalars.count
        }
        formatter.append(choice.tokens, offset: offset, to: &result)
        return result
    }

    private func streamContext(
        _ request: CompletionRequest, _ prompts: [TextPrompt], _ context: RequestContext,
        _ model: ServedModel
    ) -> TextStream.Context {
        TextStream.Context(
            header: header(model, context, object: "text_completion", idPrefix: "cmpl-"),
            dialect: context.dialect, prompts: prompts, choiceCount: request.options.choiceCount,
            usageStyle: StreamUsage(request.options, in: context.dialect),
            tellsUsageContinuously: request.options.tellsUsageContinuously,
            echoes: request.echoes, returnsTokenIDs: request.options.returnsTokenIDs,
            returnsTokens: request.options.returnsTokens,
            logprobs: request.topLogprobs == nil
                ? nil : LogprobFormatter(tokenizer: model.tokenizer))
    }
}
