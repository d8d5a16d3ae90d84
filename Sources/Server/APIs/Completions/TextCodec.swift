// SPDX-License-Identifier: Apache-2.0

import Access
import Generation
import JSON
import Serving
import Tokenization

extension RouteGroup {
    /// Texts that are to be continued.
    static let completions = RouteGroup(
        for: .completions,
        .post("/v1/completions", contract: .completion, answer: TextCodec.plan))
}

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

/// How the continuations of texts are written.
struct TextCodec: AnswerCodec {
    static let kind = AnswerKind(
        whole: "text_completion", chunk: "text_completion", idPrefix: "cmpl-")

    let dialect: Dialect
    let options: GenerationOptions
    /// Whether the prompt is part of the answer.
    let echoes: Bool
    /// What the answer needs of each prompt.
    let prompts: [TextPrompt]
    /// How to spell out log probabilities, if they are to be returned.
    let logprobs: LogprobFormatter?

    /// `POST /v1/completions`.
    static func plan(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        let request = try APIError.reading { () throws(FieldError) in
            try CompletionRequest(
                body, dialect: context.dialect, limits: context.backend.configuration.limits)
        }
        let model = try context.model(named: request.model)
        if request.suffix != nil, request.prompts.contains(where: \.isTokenized) {
            throw .invalid("suffix", expected: "no suffix, for the prompt is token ids")
        }
        let fields = QuestionFields(
            prompt: "prompt", isList: request.prompts.count > 1, gap: "suffix",
            output: request.options.output?.path)
        let question = Question(request)
        let requests = try fields.naming { () throws(ServingError) in
            try model.requests(for: question, of: context.asker)
        }
        let needsTokens =
            request.options.returnsTokenIDs || (request.echoes && request.topLogprobs != nil)
        if request.echoes, let topCount = request.topLogprobs {
            try LogprobFormatter.check(
                requests, topCount: topCount, choiceCount: request.options.choiceCount,
                askedBy: "logprobs")
        }
        let prompts = zip(request.prompts, requests).map { prompt, generation in
            TextPrompt(
                tokens: needsTokens ? generation.promptTokens : [],
                tokenCount: generation.promptTokens.count,
                text: request.echoes ? prompt.text(model.tokenizer) : "")
        }
        let codec = TextCodec(
            dialect: context.dialect, options: request.options, echoes: request.echoes,
            prompts: prompts,
            logprobs: request.topLogprobs == nil
                ? nil : LogprobFormatter(tokenizer: model.tokenizer))
        return .generation(
            PlannedAnswer(model: model, requests: requests, fields: fields, codec: codec))
    }

    var streams: Bool { options.streams }

    var tellsTokens: Bool {
        logprobs != nil || options.returnsTokenIDs || options.returnsTokens
    }

    func stream(_ header: AnswerHeader) -> TextStream { TextStream(self, header) }

    func whole(_ header: AnswerHeader, _ answer: CollectedAnswer) throws(APIError) -> [UInt8] {
        var choices: [TextCompletion.Choice] = []
        for (prompt, part) in zip(prompts, answer.parts) {
            for choice in part.best(options.choiceCount) {
                choices.append(try written(choice, index: choices.count, prompt, part))
            }
        }
        return TextCompletion(
            header: header, choices: choices, usage: answer.report,
            promptTokenIDs: options.returnsTokenIDs ? prompts.first?.tokens : nil
        ).serialized
    }

    private func written(
        _ choice: CollectedAnswer.Choice, index: Int, _ prompt: TextPrompt,
        _ part: CollectedAnswer.Part
    ) throws(APIError) -> TextCompletion.Choice {
        let end = try choice.written()
        let returnsIDs = options.returnsTokenIDs
        var written = TextCompletion.Choice(
            index: index, text: (echoes ? prompt.text : "") + choice.text,
            finishReason: end.name(in: .openAI), stopReason: end.stopReason,
            logprobs: logprobs.map { spelled(choice, prompt, part, $0) },
            tokenIDs: returnsIDs ? choice.tokens.map(\.id) : nil,
            promptTokenIDs: returnsIDs ? prompt.tokens : nil)
        if options.returnsTokens { written.tokens = choice.tokens.map(\.id) }
        return written
    }

    private func spelled(
        _ choice: CollectedAnswer.Choice, _ prompt: TextPrompt, _ part: CollectedAnswer.Part,
        _ formatter: LogprobFormatter
    ) -> CompletionLogprobs {
        var result = CompletionLogprobs()
        if echoes {
            formatter.append(
                prompt: prompt.tokens, of: prompt.text, part.promptLogprobs, to: &result)
        }
        let offset = echoes ? prompt.text.unicodeScalars.count : 0
        formatter.append(choice.tokens, offset: offset, to: &result)
        return result
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
        self = request.options.asking(prompts)
        if generation.beamSearch == nil { generation.choiceCount = request.bestOf }
        generation.continuesText = true
        let ranks = generation.choiceCount > request.options.choiceCount
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
