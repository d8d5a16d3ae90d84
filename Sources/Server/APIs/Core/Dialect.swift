// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
package import JSON

/// All in which a vendor's API differs from the others, one value per vendor.
///
/// Most answers have the fields of all vendors at once, since each official SDK ignores what it does
/// not know. Where vendors contradict each other, a field here says what this one wants, so that no
/// other file asks which dialect it is.
package struct Dialect: Sendable {
    /// What `x-api-dialect` and the prefix of a path call it.
    let name: String

    // MARK: How it is recognised

    /// How the `User-Agent` of its own clients begins.
    var clientAgents: [String] = []

    /// Fields that only its own clients send.
    var clientFields: [String] = []

    /// Members of a body that only its own clients send.
    var bodyHints: [String] = []

    /// Values of members that only its own clients send.
    var valueHints: JSONObject = [:]

    /// Members of a message that only its own clients send.
    var messageHints: [String] = []

    /// Whether its own routes are answered in it whoever asks, since no other vendor has them.
    var keepsItsRoutes = false

    // MARK: What a request may say

    /// The temperatures.
    var temperatures: ClosedRange<Double> = 0...2

    /// Whether `top_p` must be above 0.
    var excludesEmptyNucleus = false

    /// The least `max_tokens` of a chat.
    var leastChatTokens = 1

    /// Whether usage in a stream may only be asked for where a stream is.
    var refusesUsageWithoutStream = false

    /// The fields that its API has, if requests with others can be refused.
    var knownFields: KnownFields?

    // MARK: How an answer looks

    /// Whether the identity of an answer begins with the kind of the answer.
    var prefixesAnswerIDs = true

    /// The finish reason of an answer that the context had no more room for.
    var fullContextReason = "length"

    /// Where a stream tells its usage; nil where the client chooses.
    var streamUsage: StreamUsage?

    /// What the content of a message is that has calls of tools and no text; nil for null.
    var contentBesideCalls: String?

    /// Whether a stream has each call of a tool in one piece, since the SDK reads no parts of one.
    var streamsWholeCalls = false

    /// Whether what the model thinks is a part of the content, and not a member beside it.
    var thinksInContent = false

    /// The text of a chat's chunk that ends a choice; nil to leave it out.
    var endingText: String?

    /// The finish reason of a stream that failed; nil to send the error in a frame of its own,
    /// which not every SDK can read.
    var failureReason: String?

    /// How models are shown.
    var modelListing = ModelListing.shared

    /// How errors look.
    let errors: ErrorShape
}

extension Dialect: RawRepresentable, CaseIterable {
    /// Those that requests on the routes of all vendors may be answered in unasked.
    package static let allCases: [Dialect] = [openAI, mistral]

    /// Every dialect, those first whose clients say more of themselves.
    static let all: [Dialect] = [anthropic, ollama, mistral, openAI]

    /// Its name.
    package var rawValue: String { name }

    /// The dialect of that name.
    package init?(rawValue: String) {
        guard let dialect = Self.allCases.first(where: { $0.name == rawValue }) else { return nil }
        self = dialect
    }

    /// The OpenAI API.
    package static let openAI = Dialect(
        name: "openai",
        // The generator of its SDKs has made those of others, too, which say so besides.
        clientAgents: ["OpenAI/", "AsyncOpenAI/"], clientFields: ["x-stainless-lang"],
        refusesUsageWithoutStream: true, errors: .openAI)

    /// The Mistral API.
    package static let mistral = Dialect(
        name: "mistral",
        clientAgents: ["mistral-client-"],
        bodyHints: ["random_seed", "safe_prompt", "prompt_mode", "guardrails"],
        // Elsewhere it is `required`. LangChain's client, which says nothing else of itself, reads
        // no calls in parts.
        valueHints: ["tool_choice": "any"],
        messageHints: ["prefix"],
        temperatures: 0...1.5, excludesEmptyNucleus: true, leastChatTokens: 0,
        knownFields: .mistral,
        prefixesAnswerIDs: false, fullContextReason: "model_length", streamUsage: .finishingChunk,
        contentBesideCalls: "", streamsWholeCalls: true, thinksInContent: true,
        endingText: "", failureReason: "error", errors: .mistral)

    /// Anthropic's API.
    ///
    /// On routes of other vendors it is as OpenAI's, but for errors and models.
    package static let anthropic: Dialect = .init(
        name: "anthropic",
        clientAgents: ["Anthropic/", "AsyncAnthropic/", "claude-cli/"],
        clientFields: ["anthropic-version"], keepsItsRoutes: true,
        temperatures: 0...1, leastChatTokens: 0, modelListing: .anthropic, errors: .anthropic)

    /// Ollama's own API.
    ///
    /// On routes of other vendors it is as OpenAI's, but for errors.
    package static let ollama: Dialect = .init(
        name: "ollama", keepsItsRoutes: true,
        // It takes any temperature; beyond this one nothing but chance is left.
        temperatures: 0...100, leastChatTokens: 0, errors: .ollama)

    /// The dialect whose own client sent these fields, if one did.
    static func spoken(by fields: HTTPFields) -> Dialect? {
        let agent = fields[.userAgent] ?? ""
        return all.first { $0.clientAgents.contains { agent.hasPrefix($0) } }
            ?? all.first { $0.clientFields.contains { fields[name: $0] != nil } }
    }

    /// The dialect that a body speaks, if it has a member that only one has.
    package static func spoken(in body: JSONObject) -> Dialect? {
        if let dialect = allCases.first(where: { $0.bodyHints.contains { body.contains($0) } }) {
            return dialect
        }
        let teller = allCases.first { dialect in
            dialect.valueHints.contains { body[$0.key] == $0.value }
        }
        if let teller { return teller }
        guard case .array(let messages)? = body["messages"] else { return nil }
        return allCases.first { dialect in
            dialect.messageHints.contains { hint in
                messages.contains { $0.objectValue?.contains(hint) ?? false }
            }
        }
    }
}

/// The fields of a vendor's own API, which refuses all others.
struct KnownFields: Sendable {
    /// Those of chats.
    let chat: Set<String>

    /// Those of fill-in-the-middle requests.
    let fim: Set<String>

    /// Throws for the first member that is not one of them.
    static func check(_ body: JSONObject, _ known: Set<String>) throws(FieldError) {
        for key in body.keys where !known.contains(key) { throw .unknownField(FieldPath(key)) }
    }

    static let mistral: KnownFields = {
        let shared: Set<String> = [
            "model", "temperature", "top_p", "max_tokens", "min_tokens", "stop", "random_seed",
            "stream", "metadata", "prompt_cache_key",
        ]
        return KnownFields(
            chat: shared.union([
                "messages", "response_format", "tools", "tool_choice", "presence_penalty",
                "frequency_penalty", "n", "prediction", "parallel_tool_calls", "prompt_mode",
                "reasoning_effort", "safe_prompt", "guardrails", "service_tier", "logprobs",
                "top_logprobs", "prompt_logprobs", "top_prompt_logprobs", "top_k",
                "repetition_penalty",
            ]),
            fim: shared.union(["prompt", "suffix"]))
    }()
}
