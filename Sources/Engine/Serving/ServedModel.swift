// SPDX-License-Identifier: Apache-2.0

package import AnswerParsing
package import Generation
package import JSON
import ModelFiles
import Recognition
import Sampling
import StructuredOutput
package import Tokenization

/// A model that is ready to answer.
package struct ServedModel: Sendable {
    /// What clients are told of it.
    package var description: ModelDescription

    /// What generates.
    package private(set) var engine: any CompletionEngine

    /// Its vocabulary.
    package let tokenizer: any Tokenizer

    /// Its chat format.
    package let prompts: any PromptSource

    /// The template of its chats, for clients that apply it themselves; nil if there is none.
    package let chatTemplate: String?

    /// Differs between builds and between weights.
    package private(set) var fingerprint: String

    /// What is added to its weights; nil: nothing.
    package private(set) var adapter: LoadedAdapter?

    /// SHA-256 of its weights (``WeightsHash``), once somebody has computed it.
    package var weightsHash: @Sendable () -> String? = { nil }

    /// What decides the bits of its answers besides the weights, as settings write it; empty where
    /// nobody has said it.
    package var computation = JSONObject()

    /// Why it cannot answer any more, if that is so.
    package let problem: @Sendable () -> String?

    /// How it writes calls of tools and thinking; nil where its answers are text and nothing else.
    package let answerFormat: (any AnswerFormat)?

    /// What compiles the forms that its answers are held to.
    package let constraints: ConstraintSource

    /// What finds the tokens that end repetitions.
    private let breakers: BreakerSource

    /// How its vocabulary marks a gap to fill, if it can.
    package let fim: FIMFormat?

    /// How it makes embeddings, if it does.
    package let embedding: EmbeddingAbility?

    /// Puts a model together.
    package init(
        description: ModelDescription, engine: any CompletionEngine, tokenizer: any Tokenizer,
        prompts: any PromptSource, answerFormat: (any AnswerFormat)? = nil,
        chatTemplate: String? = nil, embedding: EmbeddingAbility? = nil, fingerprint: String,
        problem: @escaping @Sendable () -> String? = { nil }
    ) {
        self.problem = problem
        self.embedding = embedding
        self.engine = engine
        self.tokenizer = tokenizer
        self.prompts = prompts
        self.answerFormat = answerFormat
        self.chatTemplate = chatTemplate
        constraints = ConstraintSource(tokenizer)
        breakers = BreakerSource(tokenizer)
        self.fingerprint = fingerprint
        fim = description.generates ? FIMFormat(tokenizer: tokenizer) : nil
        var description = description
        if fim != nil { description.capabilities.insert(.infilling) }
        self.description = description
    }

    /// The same model with an adapter, under the adapter's name.
    package func adapted(by adapter: LoadedAdapter) -> ServedModel {
        var model = self
        model.description = adapter.describe(description)
        model.engine = AdaptedEngine(base: engine, adapter: AppliedAdapter(adapter.adapter))
        model.fingerprint += "-\(adapter.fingerprint)"
        model.adapter = adapter
        return model
    }

    /// More ids than any context holds, and few enough for one list.
    package static let maxTokenizedCount = 1 << 20

    /// The ids of a prompt.
    ///
    /// - Parameters:
    ///   - prompt: what to tokenize.
    ///   - place: its place in a question, for errors.
    ///   - limit: how many ids there may be.
    /// - Returns: the ids, each of which the vocabulary has.
    /// - Throws: `ServingError`, where the limit is passed before all has been tokenized.
    package func tokens(
        of prompt: Question.Prompt, in place: Int = 0, limit: Int
    ) throws(ServingError) -> [Int32] {
        do {
            switch prompt {
            case .chat(let prompt):
                return try prompts.tokens(of: prompt, limit: limit)
            case .text(let text, let addsSpecialTokens, parsesControls: true):
                return try tokenizer.encode(
                    prompt: text, addSpecial: addsSpecialTokens, limit: limit)
            case .text(let text, let addsSpecialTokens, parsesControls: false):
                return try tokenizer.encode(text, addSpecial: addsSpecialTokens, limit: limit)
            case .tokens(let tokens):
                if let index = firstForeign(tokens) {
                    throw ServingError.invalid(
                        .promptToken(prompt: place, index: index), expected: expectedToken)
                }
                return tokens
            case .gap(let before, let after):
                guard let fim else {
                    throw ServingError.unsupported(
                        .gap,
                        reason: "this model cannot fill in the middle: its vocabulary has no "
                            + "tokens for prefix and suffix")
                }
                return try fim.tokens(
                    before: before, after: after, tokenizer: tokenizer, limit: limit)
            }
        } catch let error as TokenLimitError {
            throw .promptTooLong(
                prompt: place, tokenCount: error.leastCount, contextLength: engine.contextLength,
                isLeastCount: true)
        } catch let error as ServingError {
            throw error
        } catch {
            throw .conversation(reason: "\(error)")
        }
    }

    /// What is to be generated for each prompt of a question: all work that grows with the prompts.
    ///
    /// What is wrong with the question itself is told before its second prompt is looked at.
    ///
    /// - Parameters:
    ///   - question: what is asked.
    ///   - client: who asks.
    /// - Returns: a request for each prompt, which ``submit(_:for:reading:queued:)`` takes.
    /// - Throws: `ServingError`, which names the part of the question that is wrong.
    package func requests(
        for question: Question, of client: Client = Client()
    ) throws(ServingError) -> [GenerationRequest] {
        guard description.generates else {
            throw .unsupported(
                .parameter("model"),
                reason:
                    "\(description.name) makes embeddings of texts (/v1/embeddings) and answers "
                    + "nothing; name a model that does, GET /v1/models lists them")
        }
        var request = question.generation
        request.sampling.temperature = Float(
            question.temperature ?? description.defaultTemperature ?? 1)
        request.maxTokens = request.maxTokens ?? description.defaultMaxTokens
        request.stopTokenIDs = Set(question.stopTokenIDs)
        try question.samplingTexts.resolve(into: &request.sampling, tokenizer, breakers)
        var requests: [GenerationRequest] = []
        for (place, prompt) in question.prompts.enumerated() {
            request.promptTokens = try tokens(of: prompt, in: place, limit: engine.contextLength)
            if place == 0 {
                try check(question)
                request.predictedTokens = predictedTokens(of: question)
            }
            if place == 0 || question.isChat {
                let plan = plan(of: question, after: request)
                request.constraint = try constraint(for: question, plan, of: client)
            }
            request.thinkingBudget = thinkingBudget(of: question, after: request)
            requests.append(request)
        }
        return requests
    }

    /// How the answers to a question are read; nil where they are text and nothing else.
    ///
    /// - Parameters:
    ///   - question: what is asked.
    ///   - requests: what ``requests(for:of:)`` made of it.
    /// - Returns: the reading that ``submit(_:for:reading:queued:)`` takes.
    package func reading(
        of question: Question, _ requests: [GenerationRequest]
    ) -> AnswerReading? {
        guard let answerFormat, question.isChat, let request = requests.first,
            !question.plan.tools.isEmpty || answerFormat.thinking != nil
        else { return nil }
        return AnswerReading(
            plan(of: question, after: request), as: answerFormat, by: tokenizer)
    }

    /// The form of the answers as it is where a prompt has ended.
    private func plan(of question: Question, after request: GenerationRequest) -> AnswerPlan {
        var plan = question.plan
        plan.beginsThinking =
            answerFormat?.thinking?.areOpen(atEndOf: request.promptTokens, tokenizer) ?? false
        plan.continuesText = request.continuesText
        if let seed = request.sampling.seed {
            // Each turn of a conversation with one seed has identities of its own.
            var digest = seed ^ 0xCBF2_9CE4_8422_2325
            for token in request.promptTokens {
                digest = (digest ^ UInt64(UInt32(bitPattern: token))) &* 0x100_0000_01B3
            }
            plan.seed = digest
        }
        return plan
    }

    /// What the client predicts, as far as an answer may be as long.
    private func predictedTokens(of question: Question) -> [Int32] {
        guard let prediction = question.prediction, question.plan.output == nil else { return [] }
        // Not all of a long text need be looked at: mostly a token has fewer bytes.
        let text = prediction.prefix(8 * engine.contextLength)
        return Array(tokenizer.encode(String(text), addSpecial: false).prefix(engine.contextLength))
    }

    /// How long the model may think, if that is limited and the model thinks.
    private func thinkingBudget(
        of question: Question, after request: GenerationRequest
    ) -> ThinkingBudget? {
        guard let limit = question.thinkingBudget, let marks = answerFormat?.thinking else {
            return nil
        }
        // What closes thinking is looked for, too, so that nothing may stand around it.
        return ThinkingBudget(
            openTokens: marks.openingTokens(tokenizer),
            closeTokens: tokenizer.encode([.templated(marks.closing)]), tokenLimit: limit,
            startsOpen: marks.areOpen(atEndOf: request.promptTokens, tokenizer))
    }

    /// What holds the answers to the form that is asked for; nil where anything will do.
    private func constraint(
        for question: Question, _ plan: AnswerPlan, of client: Client
    ) throws(ServingError) -> Constraint? {
        let structure =
            if let answerFormat, question.isChat {
                answerFormat.structure(for: plan, tokenizer: tokenizer)
            } else {
                plan.output
            }
        guard let structure else { return nil }
        let scope = client.cacheScope(question.generation.cacheScope)
        func compile(_ structure: Structure) throws(RecognitionError) -> Constraint {
            try constraints.constraint(for: structure, style: question.style, scope: scope)
        }
        let start = ContinuousClock.now
        do throws(RecognitionError) {
            return try compile(structure)
        } catch {
            // Which part it is shows when each is compiled alone; only then a place in it means
            // something. Many parts may take long one by one, and what took long as a whole, too.
            for (part, structure) in question.formParts
            where ContinuousClock.now - start < RecognitionLimits().maxTime {
                do throws(RecognitionError) { _ = try compile(structure) } catch {
                    throw .unrecognizable(part, error)
                }
            }
            throw .unrecognizable(
                plan.output == nil ? .tools : .output,
                RecognitionError(at: "", "all together: \(error)"))
        }
    }

    /// Hands requests to the engine.
    ///
    /// - Parameters:
    ///   - requests: what ``requests(for:)`` made of a question.
    ///   - client: who asks.
    ///   - reading: what ``reading(of:)`` says of the question.
    ///   - queued: is told where each request stands in the queue, also if a later one is refused.
    /// - Returns: the answer that is being generated.
    /// - Throws: `ServingError` for an empty prompt and for what the engine refuses.
    package func submit(
        _ requests: [GenerationRequest], for client: Client, reading: AnswerReading? = nil,
        queued: (QueuePlace) -> Void = { _ in }
    ) throws(ServingError) -> Answer {
        try Answer(
            to: requests.map(client.owning), by: engine, reading: reading, queued: queued)
    }

    /// Checks what names tokens or a context.
    private func check(_ question: Question) throws(ServingError) {
        if let index = firstForeign(question.stopTokenIDs) {
            throw .invalid(.stopToken(index), expected: expectedToken)
        }
        if let needed = question.neededContext, needed > engine.contextLength {
            throw .unsupported(
                .neededContext,
                reason: "this model's context holds \(engine.contextLength) tokens here")
        }
        for token in question.generation.sampling.logitBias.keys where isForeign(token) {
            throw .invalid(
                .bias(token), expected: "token ids from 0 to \(engine.vocabularyCount - 1)")
        }
    }

    private var expectedToken: String { "a token id from 0 to \(engine.vocabularyCount - 1)" }

    private func isForeign(_ token: Int32) -> Bool {
        token < 0 || Int(token) >= engine.vocabularyCount
    }

    /// The place of the first id that the vocabulary does not have.
    private func firstForeign(_ tokens: [Int32]) -> Int? { tokens.firstIndex(where: isForeign) }
}
