// SPDX-License-Identifier: Apache-2.0

package import AnswerParsing
package import Generation
package import Recognition

/// What a client asks of a model, whichever API it speaks.
///
/// How the answer is to be written (streamed, with ids, in which dialect) is no part of it.
package struct Question: Hashable, Sendable {
    /// What is to be continued or answered.
    package enum Prompt: Hashable, Sendable {
        /// A conversation, which the model's format turns into a prompt.
        case chat(ChatPrompt)

        /// A text as it is; the names of control tokens in it are these tokens, unless it says that
        /// they are text like any other.
        case text(String, addsSpecialTokens: Bool = true, parsesControls: Bool = true)

        /// A prompt that its client has tokenized.
        case tokens([Int32])

        /// The gap between two texts, which is to be filled.
        case gap(before: String, after: String)
    }

    /// A part that may be wrong, for errors.
    package enum Part: Hashable, Sendable {
        /// The prompt in that place.
        case prompt(Int)

        /// A token id of a prompt, by the places of both.
        case promptToken(prompt: Int, index: Int)

        /// The tools of a conversation.
        case tools

        /// What a call of the tool in that place carries.
        case tool(Int)

        /// What the text of an answer must look like.
        case output

        /// That a gap is to be filled.
        case gap

        /// A stop token, by its place.
        case stopToken(Int)

        /// The bias of that token.
        case bias(Int32)

        /// The context that the client counts on.
        case neededContext

        /// Another field of ``Question/generation``, by the engine's name for it.
        case parameter(String)
    }

    /// What is to be answered, each on its own; never empty.
    package var prompts: [Prompt]

    /// Nil for what the model's makers advise, or else 1.
    package var temperature: Double?

    /// The tokens that end a choice, in the client's order.
    package var stopTokenIDs: [Int32] = []

    /// The context that the client counts on; nil where it did not say.
    package var neededContext: Int?

    /// What form the answers have: which tools they call, and what their text looks like.
    package var plan = AnswerPlan()

    /// How freely that may be written.
    package var style = RecognitionStyle.generated

    /// The most tokens that the model may think with; nil for as many as it likes.
    package var thinkingBudget: Int?

    /// What the client takes for likely to be in the answer.
    package var prediction: String?

    /// What it says of sampling in texts.
    package var samplingTexts = SamplingTexts()

    /// All else that the engine needs to know: lengths, ends, sampling, choices, log probabilities,
    /// and when it is to be done.
    ///
    /// Its prompt, temperature and stop tokens are overwritten with those of the question, and the
    /// client that it is counted for with the ``Client`` who asks.
    package var generation = GenerationRequest(promptTokens: [])

    /// Whether it asks for an answer in a conversation.
    var isChat: Bool {
        if case .chat? = prompts.first { true } else { false }
    }

    /// What the form of the answers is made of, part by part.
    var formParts: [(part: Part, structure: Structure)] {
        let inputs = plan.tools.enumerated().compactMap { index, tool -> (Part, Structure)? in
            switch tool.input {
            case .arguments(let schema): (.tool(index), .schema(schema))
            case .text: nil
            case .grammar(let grammar): (.tool(index), .grammar(grammar))
            case .expression(let expression): (.tool(index), .expression(expression))
            }
        }
        return inputs + (plan.output.map { [(.output, $0)] } ?? [])
    }

    /// A question that leaves everything but its prompts to the model.
    package init(_ prompts: Prompt...) { self.prompts = prompts }

    /// A question of several prompts, which leaves everything else to the model.
    package init(prompts: [Prompt]) { self.prompts = prompts }
}

/// Who asks, and what others let it share.
package struct Client: Hashable, Sendable {
    /// The same for all questions of one client; 0 where clients are not told apart.
    package var number: Int

    /// What its cached prompts are kept under, whatever its number becomes; nil for its number.
    package var owner: String?

    /// Its share of the engine, next to those of others; at least 1.
    package var weight: Int

    /// The most urgent priority that its requests may have.
    package var priority: Int

    /// Whether it may find prompts in the cache that other clients have sent, and they its own.
    package var sharesPrefixes: Bool

    /// The identity of the request that it asks with, for the log; empty where it has none.
    package var requestID: String

    /// The client where clients are not told apart, unless stated otherwise.
    package init(
        number: Int = 0, owner: String? = nil, weight: Int = 1, priority: Int = 0,
        sharesPrefixes: Bool = false, requestID: String = ""
    ) {
        self.number = number
        self.owner = owner
        self.weight = weight
        self.priority = priority
        self.sharesPrefixes = sharesPrefixes
        self.requestID = requestID
    }

    /// A request as one of this client's.
    func owning(_ request: GenerationRequest) -> GenerationRequest {
        var request = request
        request.id = requestID
        request.client = number
        request.weight = weight
        request.priority = max(priority, request.priority)
        request.cacheScope = cacheScope(request.cacheScope)
        return request
    }

    /// The scope of its cached prompts.
    ///
    /// - Parameter salt: what separates questions of the same client, or nothing.
    /// - Returns: what equals the scopes of those that may share them.
    func cacheScope(_ salt: String) -> String {
        sharesPrefixes || number == 0 ? salt : "\(owner ?? "\(number)"):" + salt
    }
}
