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
    /// What is generated for each prompt.
    let requests: [GenerationRequest]
    /// Where it came from.
    let fields: QuestionFields
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
        if request.suffix != nil, request.prompts.contains(where: \.isTokenized) {
            throw .invalid("suffix", expected: "no suffix, for the prompt is token ids")
        }
        let fields = QuestionFields(
            prompt: "prompt", isList: request.prompts.count > 1, gap: "suffix")
        let question = Question(request)
        let requests = try fields.naming { () throws(ServingError) in
            try model.requests(for: question)
        }
        let needsTokens =
            request.options.returnsTokenIDs || (request.echoes && request.topLogprobs != nil)
        let prompts = zip(request.prompts, requests).map { prompt, generation in
            TextPrompt(
                tokens: needsTokens ? generation.promptTokens : [],
                tokenCount: generation.promptTokens.count,
                text: request.echoes ? prompt.text(model.tokenizer) : "")
        }
        request.prompts = []
        request.suffix = nil
        return TextPlan(
            request: request, model: model, prompts: prompts, requests: requests, fields: fields)
    }

    /// Generates what was planned.
    func answer(
        _ plan: TextPlan, _ context: RequestContext
    ) async throws(APIError) -> ServerResponse {
        let (request, model, prompts) = (plan.request, plan.model, plan.prompts)
        let generating = try submit(plan.requests, plan.fields, model, context)
        if request.options.streams {
            let stream = TextStream(streamContext(request, prompts, context, model))
            return respond(with: stream, to: generating, context)
        }
        let header = header(model, context, object: "text_completion", idPrefix: "cmpl-")
        return try await respond { () async throws(APIError) in
            let answer = try await Self.collect(generating, context)
            let tellsTokens =
                request.topLogprobs != nil || request.options.returnsTokenIDs
                || request.options.returnsTokens
            let tokenCount = tellsTokens ? answer.tokenCount : 0
            return try await written(tokenCount, context) { () throws(APIError) in
                let formatter = LogprobFormatter(tokenizer: model.tokenizer)
                return try Self.completion(header, request, prompts, answer, formatter).json
            }
        }
    }

    private static func completion(
        _ header: AnswerHeader, _ request: CompletionRequest, _ prompts: [TextPrompt],
        _ answer: CollectedAnswer, _ formatter: LogprobFormatter
    ) throws(APIError) -> TextCompletion {
        let returnsIDs = request.options.returnsTokenIDs
        var choices: [TextCompletion.Choice] = []
        for (prompt, part) in zip(prompts, answer.parts) {
            for choice in part.best(request.options.choiceCount) {
                let end = try choice.written()
                var written = TextCompletion.Choice(
                    index: choices.count,
                    text: (request.echoes ? prompt.text : "") + choice.text,
                    finishReason: end.name(in: .openAI), stopReason: end.stopReason,
                    logprobs: logprobs(of: choice, request, prompt, part, formatter),
                    tokenIDs: returnsIDs ? choice.tokens.map(\.id) : nil,
                    promptTokenIDs: returnsIDs ? prompt.tokens : nil)
                if request.options.returnsTokens { written.tokens = choice.tokens.map(\.id) }
                choices.append(written)
            }
        }
        return TextCompletion(
            header: header, choices: choices, usage: answer.report,
            promptTokenIDs: returnsIDs ? prompts.first?.tokens : nil)
    }

    private static func logprobs(
        of choice: CollectedAnswer.Choice, _ request: CompletionRequest, _ prompt: TextPrompt,
        _ part: CollectedAnswer.Part, _ formatter: LogprobFormatter
    ) -> CompletionLogprobs? {
        guard request.topLogprobs != nil else { return nil }
        var result = CompletionLogprobs()
        var offset = 0
        if request.echoes {
            formatter.append(
                prompt: prompt.tokens, of: prompt.text, part.promptLogprobs, to: &result)
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

extension Question {
    /// The prompts of a completion, each to be answered by itself.
    fileprivate init(_ request: CompletionRequest) {
        let prompts = request.prompts.map { prompt -> Prompt in
            switch prompt {
            case .tokens(let tokens): .tokens(tokens)
            // The client has applied the chat template itself.
            case .text(let text):
                request.suffix.map { .gap(before: text, after: $0) }
                    ?? .text(text, addsSpecialTokens: request.addsSpecialTokens)
            }
        }
        self.init(prompts, request.options)
        generation.choiceCount = request.bestOf
        generation.continuesText = true
        let ranks = request.bestOf > request.options.choiceCount
        generation.topLogprobs = request.topLogprobs ?? (ranks ? 0 : nil)
        if request.echoes { generation.promptLogprobs = request.topLogprobs }
    }
}

extension CompletionRequest.Prompt {
    fileprivate var isTokenized: Bool {
        if case .tokens = self { true } else { false }
    }

    /// Its text, the client's own where it sent text.
    fileprivate func text(_ tokenizer: any Tokenizer) -> String {
        switch self {
        case .text(let text): text
        case .tokens(let tokens): tokenizer.decode(tokens)
        }
    }
}
