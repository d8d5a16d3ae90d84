// SPDX-License-Identifier: Apache-2.0

import Generation
import Sampling
import Serving

extension GenerationRequest {
    /// A request with the options that all endpoints share.
    ///
    /// - Parameters:
    ///   - prompt: the prompt's ids.
    ///   - options: what the client asked for, in range.
    ///   - defaultTemperature: where the client did not say.
    ///   - model: the vocabulary that ids must be in.
    /// - Throws: `APIError` that names the field.
    init(
        prompt: [Int32], options: GenerationOptions, defaultTemperature: Double,
        model: ServedModel
    ) throws(APIError) {
        try APIServer.checkTokens(options.stopTokenIDs, at: "stop_token_ids", model)
        if let needed = options.neededContext, needed > model.engine.contextLength {
            throw .invalidRequest(
                .unsupported(
                    "num_ctx",
                    reason: "this model's context holds \(model.engine.contextLength) tokens here"))
        }
        let count = model.engine.vocabularyCount
        var biases: [Int32: Float] = [:]
        for (token, bias) in options.logitBias {
            guard Int(token) < count else {
                throw .invalid(
                    FieldPath("logit_bias").appending(String(token)),
                    expected: "token ids from 0 to \(count - 1)")
            }
            biases[token] = Float(bias)
        }
        // A nucleus of no probability holds the most probable token only.
        let keepsBestOnly = options.topP == 0
        self.init(
            promptTokens: prompt,
            sampling: SamplingParameters(
                temperature: Float(options.temperature ?? defaultTemperature),
                topP: keepsBestOnly ? 1 : max(Float(options.topP), .leastNonzeroMagnitude),
                topK: keepsBestOnly ? 1 : options.topK, minP: Float(options.minP),
                frequencyPenalty: Float(options.frequencyPenalty),
                presencePenalty: Float(options.presencePenalty),
                repetitionPenalty: max(
                    Float(options.repetitionPenalty), .leastNormalMagnitude),
                logitBias: biases, seed: options.seed.map { UInt64(bitPattern: Int64($0)) }),
            maxTokens: options.maxTokens, minTokens: options.minTokens,
            stopStrings: options.stop, stopTokenIDs: Set(options.stopTokenIDs),
            ignoresEOS: options.ignoresEOS, includesStopString: options.includesStopString,
            choiceCount: options.choiceCount)
        stopsOnRepetition = options.stopsOnRepetition
        priority = options.priority
        cacheScope = options.cacheSalt ?? ""
        timeLimit = options.maxTime.map { .seconds($0) }
    }
}

extension APIServer {
    /// The temperature where a client says none: what the model's makers advise, else 1.
    static func defaultTemperature(of model: ServedModel) -> Double {
        model.description.defaultTemperature ?? 1
    }

    /// Hands a request to the engine.
    ///
    /// - Parameters:
    ///   - request: what to generate.
    ///   - field: where the prompt came from.
    ///   - model: whose engine.
    ///   - context: who asks.
    /// - Returns: the events.
    /// - Throws: `APIError` for what the engine refuses.
    func submit(
        _ request: GenerationRequest, field: FieldPath, _ model: ServedModel,
        _ context: RequestContext
    ) throws(APIError) -> GenerationEvents {
        var request = request
        request.client = context.client
        request.weight = configuration.keys.weight(of: context.client)
        if !configuration.sharesPrefixes, context.client > 0 {
            request.cacheScope = "\(context.client):" + request.cacheScope
        }
        guard !request.promptTokens.isEmpty else {
            throw .invalid(field, expected: "a prompt of at least one token")
        }
        do throws(SubmissionError) {
            let accepted = try model.engine.accept(request)
            context.record.queued(accepted.place)
            return accepted.events
        } catch {
            switch error {
            case .invalid(let name, let reason):
                throw .invalidRequest(.unsupported(FieldPath(name), reason: reason))
            case .promptTooLong(let count, let limit):
                throw .promptTooLong(
                    field: field.description, tokenCount: count, contextLength: limit)
            case .overloaded(let delay):
                throw .overloaded(retryAfterSeconds: Self.retrySeconds(delay))
            case .tooLate(let wait):
                throw .tooLate(retryAfterSeconds: Self.retrySeconds(wait))
            case .shuttingDown: throw .unavailable(reason: "The server is shutting down.")
            }
        }
    }

    /// Whole seconds; above 120 the OpenAI SDK gives up instead of waiting.
    private static func retrySeconds(_ delay: Duration) -> Int {
        Int(min(120, max(1, (delay / .seconds(1)).rounded(.up))))
    }

    /// Waits for the whole answer.
    static func collect(
        _ events: GenerationEvents, choiceCount: Int
    ) async throws(APIError) -> CollectedAnswer {
        var answer = CollectedAnswer(choiceCount: choiceCount)
        for await event in events { answer.receive(event) }
        // Without usage the stream broke off: the client has gone, or the engine has ended.
        guard answer.usage != nil else {
            throw .unavailable(reason: "The generation was cancelled.")
        }
        return answer
    }
}
