// SPDX-License-Identifier: Apache-2.0

import Generation
import Sampling
import Serving

extension Question {
    /// A question with the options that all endpoints share.
    ///
    /// - Parameters:
    ///   - prompts: what is asked.
    ///   - options: what the client asked for, in range.
    init(_ prompts: [Prompt], _ options: GenerationOptions) {
        self.init(prompts: prompts)
        temperature = options.temperature
        stopTokenIDs = options.stopTokenIDs
        neededContext = options.neededContext
        // A nucleus of no probability holds the most probable token only.
        let keepsBestOnly = options.topP == 0
        generation.sampling = SamplingParameters(
            topP: keepsBestOnly ? 1 : max(Float(options.topP), .leastNonzeroMagnitude),
            topK: keepsBestOnly ? 1 : options.topK, minP: Float(options.minP),
            frequencyPenalty: Float(options.frequencyPenalty),
            presencePenalty: Float(options.presencePenalty),
            repetitionPenalty: max(Float(options.repetitionPenalty), .leastNormalMagnitude),
            logitBias: options.logitBias.mapValues { Float($0) },
            seed: options.seed.map { UInt64(bitPattern: Int64($0)) })
        generation.maxTokens = options.maxTokens
        generation.minTokens = options.minTokens
        generation.stopStrings = options.stop
        generation.ignoresEOS = options.ignoresEOS
        generation.includesStopString = options.includesStopString
        generation.choiceCount = options.choiceCount
        generation.stopsOnRepetition = options.stopsOnRepetition
        generation.priority = options.priority
        generation.cacheScope = options.cacheSalt ?? ""
        generation.timeLimit = options.maxTime.map { .seconds($0) }
    }
}

/// Where the parts of a question stand in a body.
struct QuestionFields: Sendable {
    /// The prompt, or the list of them.
    let prompt: FieldPath

    /// Whether there is a list.
    var isList = false

    /// What asks for a gap to be filled.
    var gap = FieldPath("prompt")

    /// The field of a part.
    func path(of part: Question.Part) -> FieldPath {
        switch part {
        case .prompt(let index): isList ? prompt.appending(index) : prompt
        case .promptToken(let index, let token): path(of: .prompt(index)).appending(token)
        case .tools: "tools"
        case .gap: gap
        case .stopToken(let index): FieldPath("stop_token_ids").appending(index)
        case .bias(let token): FieldPath("logit_bias").appending(String(token))
        case .neededContext: "num_ctx"
        case .parameter(let name): FieldPath(name)
        }
    }

    /// Does something with a question; its error becomes the API's.
    func naming<Result>(
        _ work: () throws(ServingError) -> Result
    ) throws(APIError) -> Result {
        do throws(ServingError) { return try work() } catch { throw APIError(error, fields: self) }
    }
}
