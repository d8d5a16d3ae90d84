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
    let clientAgents: [String]

    /// Fields that only its own clients send.
    let clientFields: [String]

    /// Members of a body that only its own clients send.
    let bodyHints: [String]

    /// Values of members that only its own clients send.
    let valueHints: JSONObject

    /// Members of a message that only its own clients send.
    let messageHints: [String]

    // MARK: What a request may say

    /// The temperatures.
    let temperatures: ClosedRange<Double>

    /// Whether `top_p` must be above 0.
    let excludesEmptyNucleus: Bool

    /// The least `max_tokens` of a chat.
    let leastChatTokens: Int

    /// Whether usage in a stream may only be asked for where a stream is.
    let refusesUsageWithoutStream: Bool

    /// The fields that its API has, if requests with others can be refused.
    let knownFields: KnownFields?

    // MARK: How an answer looks

    /// Whether the identity of an answer begins with the kind of the answer.
    let prefixesAnswerIDs: Bool

    /// The finish reason of an answer that the context had no more room for.
    let fullContextReason: String

    /// Where a stream tells its usage; nil where the client chooses.
    let streamUsage: StreamUsage?

    /// What the content of a message is that has calls of tools and no text; nil for null.
    let contentBesideCalls: String?

    /// Whether a stream has each call of a tool in one piece, since the SDK reads no parts of one.
    let streamsWholeCalls: Bool

    /// Whether what the model thinks is a part of the content, and not a member beside it.
    let thinksInContent: Bool

    /// The text of a chat's chunk that ends a choice; nil to leave it out.
    let endingText: String?

    /// The finish reason of a stream that failed; nil to send the error in a frame of its own,
    /// which not every SDK can read.
    let failureReason: String?

    /// How errors look.
    let errors: ErrorShape
}

extension Dialect: RawRepresentable, CaseIterable {
    /// Every dialect.
    package static let allCases = [openAI, mistral]

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
        clientAgents: ["OpenAI/", "AsyncOpenAI/"], clientFields: ["x-stainless-lang"],
        bodyHints: [], valueHints: [:], messageHints: [],
        temperatures: 0...2, excludesEmptyNucleus: false, leastChatTokens: 1,
        refusesUsageWithoutStream: true, knownFields: nil,
        prefixesAnswerIDs: true, fullContextReason: "length", streamUsage: nil,
        contentBesideCalls: nil, streamsWholeCalls: false, thinksInContent: false,
        endingText: nil, failureReason: nil, errors: .openAI)

    /// The Mistral API.
    package static let mistral = Dialect(
        name: "mistral",
        clientAgents: ["mistral-client-"], clientFields: [],
        bodyHints: ["random_seed", "safe_prompt", "prompt_mode", "guardrails"],
        // Elsewhere it is `required`. LangChain's client, which says nothing else of itself, reads
        // no calls in parts.
        valueHints: ["tool_choice": "any"],
        messageHints: ["prefix"],
        temperatures: 0...1.5, excludesEmptyNucleus: true, leastChatTokens: 0,
        refusesUsageWithoutStream: false, knownFields: .mistral,
        prefixesAnswerIDs: false, fullContextReason: "model_length", streamUsage: .finishingChunk,
        contentBesideCalls: "", streamsWholeCalls: true, thinksInContent: true,
        endingText: "", failureReason: "error", errors: .mistral)

    /// The dialect whose own client sent these fields, if one did.
    static func spoken(by fields: HTTPFields) -> Dialect? {
        let agent = fields[.userAgent] ?? ""
        return allCases.first { $0.clientAgents.contains { agent.hasPrefix($0) } }
            ?? allCases.first { $0.clientFields.contains { fields[name: $0] != nil } }
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
