// SPDX-License-Identifier: Apache-2.0

package import Inference
package import ModelFiles
package import Sampling
internal import Scheduling
package import StructuredOutput

/// One prompt of token ids and what to make of it.
package struct GenerationRequest: Hashable, Sendable {
    /// The prompt; at least one id, each below the vocabulary's count.
    package var promptTokens: [Int32]

    /// How tokens are chosen.
    package var sampling: SamplingParameters

    /// The most tokens to generate for each choice; nil for as many as the context holds, and 0
    /// only scores the prompt.
    package var maxTokens: Int?

    /// No end or stop ends a choice before it has this many tokens.
    package var minTokens: Int

    /// Texts that end a choice when they appear in the output; none may be empty.
    package var stopStrings: [String]

    /// Tokens that end a choice, besides the vocabulary's own.
    package var stopTokenIDs: Set<Int32>

    /// Whether the vocabulary's own end-of-sequence tokens are generated like any other.
    package var ignoresEOS: Bool

    /// Log probabilities of generated tokens: nil for none, else how many alternatives each has.
    package var topLogprobs: Int?

    /// The same for the tokens of the prompt.
    package var promptLogprobs: Int?

    /// The log probabilities of given tokens in given places of the prompt, if nothing else is
    /// wanted.
    ///
    /// Then `maxTokens` is 0 and `promptLogprobs` nil. They come as one `promptLogprobs` event with an
    /// element for each place, whose `top` are the candidates in their order.
    package var scoring: PromptScoring?

    /// Whether a stop string that ended the choice is part of the output.
    package var includesStopString: Bool

    /// How many independent continuations to generate (`n`).
    package var choiceCount: Int

    /// Whether the output continues the prompt's text (a completion), so that a first token's
    /// leading space is kept; a chat answer begins a text of its own.
    package var continuesText: Bool

    /// Whether a choice ends that repeats itself without end, where `maxTokens` is nil and
    /// end-of-sequence tokens count.
    package var stopsOnRepetition = true

    /// What else is a repetition that ends a choice, whatever its length may be; nil for nothing.
    package var repetitionLimit: RepetitionLimit?

    /// The tokens whose log probabilities are told beside those of the generated ones.
    package var logprobTokenIDs: [Int32] = []

    /// Has the most probable answers looked for instead of sampling; nil for sampling.
    ///
    /// The choices are the best of those found, best first, and come at the end. Temperature and all
    /// else that bends the model's distribution count for nothing.
    package var beamSearch: BeamSearchLimits?

    /// What the log calls the request that it belongs to; empty for nothing.
    package var id = ""

    /// Lower ones come first, always; 0 is for those that say nothing.
    package var priority = 0

    /// The priority of what is computed only while nobody else asks for anything.
    package static let backgroundPriority = SequenceRequest.backgroundPriority

    /// Whether it is computed only while nobody else asks for anything.
    package var isInBackground: Bool { priority >= Self.backgroundPriority }

    /// How many places of the queue it takes.
    ///
    /// An answer of no tokens is not searched for.
    package var placeCount: Int { maxTokens == 0 ? choiceCount : beamSearch?.width ?? choiceCount }

    /// How many places those requests take that the same question has submitted before it.
    ///
    /// The background takes a question as a whole, however many places that needs.
    package var placesBefore = 0

    /// Who asks: clients share the engine by their weights, however many requests each has.
    package var client = 0

    /// The client's weight, at least 1; the same in all of its requests.
    package var weight = 1

    /// Whose cached prompts may be used, and who may use this one's: those with an equal scope.
    package var cacheScope = ""

    /// Which of the client's prompts this one belongs to; diagnoses compare it with them first.
    package var cacheKey = ""

    /// Whether its usage is to say why not all of the prompt was found in the cache.
    package var diagnosesCache = false

    /// How long after its submission the answer is still wanted; nil for ever.
    package var timeLimit: Duration?

    /// What every choice is held to; nil where any text will do.
    ///
    /// Its end is that of the answer, even if end-of-sequence tokens are ignored or the answer is
    /// shorter than ``minTokens``. Stop strings, stop tokens and limits cut it anywhere.
    @ConstraintReference package var constraint: (any TokenConstraint)?

    /// How much of the answer may be thinking; nil for all of it.
    package var thinkingBudget: ThinkingBudget?

    /// What the client takes for likely to be the answer, for guesses; empty for nothing.
    ///
    /// Answers are the same without it.
    package var predictedTokens: [Int32] = []

    /// What is made of the prompt's states, instead of an answer; nil for an answer.
    package var embedding: EmbeddingOutput?

    /// What is added to the model for this request, an adapter of this model; nil: nothing.
    package var adapter: AppliedAdapter?

    /// Where the second of two texts begins in the prompt, for encoders that tell them apart.
    package var secondTextStart: Int?

    /// Creates a request; the defaults sample until an end or the context's limit.
    package init(
        promptTokens: [Int32], sampling: SamplingParameters = .init(), maxTokens: Int? = nil,
        minTokens: Int = 0, stopStrings: [String] = [], stopTokenIDs: Set<Int32> = [],
        ignoresEOS: Bool = false, topLogprobs: Int? = nil, promptLogprobs: Int? = nil,
        includesStopString: Bool = false, choiceCount: Int = 1, continuesText: Bool = false
    ) {
        self.promptTokens = promptTokens
        self.sampling = sampling
        self.maxTokens = maxTokens
        self.minTokens = minTokens
        self.stopStrings = stopStrings
        self.stopTokenIDs = stopTokenIDs
        self.ignoresEOS = ignoresEOS
        self.topLogprobs = topLogprobs
        self.promptLogprobs = promptLogprobs
        self.includesStopString = includesStopString
        self.choiceCount = choiceCount
        self.continuesText = continuesText
    }
}

/// A constraint that is compared by identity, so that a request can be compared.
@propertyWrapper package struct ConstraintReference: Hashable, Sendable {
    /// The constraint.
    package var wrappedValue: (any TokenConstraint)?

    /// Refers to a constraint.
    package init(wrappedValue: (any TokenConstraint)?) { self.wrappedValue = wrappedValue }

    private var identity: ObjectIdentifier? { wrappedValue.map { ObjectIdentifier($0) } }

    package static func == (one: ConstraintReference, other: ConstraintReference) -> Bool {
        one.identity == other.identity
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(identity) }
}
