// SPDX-License-Identifier: Apache-2.0

import Generation
import HTTP
import HTTPTypes
import JSON
import Sampling
import Serving

/// What was asked and answered, as it is sealed in a record: all that it takes to answer it again.
package struct AuditedContent: Sendable {
    /// What the client has sent.
    struct Asked: Sendable {
        /// The path, without its query.
        let path: String
        /// The dialect that it was read in.
        let dialect: String
        /// How the client calls itself.
        let agent: String
        /// Whether the client says that token ids are of the model's own vocabulary.
        let allowsTokenInput: Bool
        /// The text of the body; a request holds it until it is written.
        let body: @Sendable () -> [UInt8]

        init(_ request: ServerRequest, _ context: RequestContext) {
            path = String((request.head.path ?? "/").prefix { $0 != "?" })
            dialect = context.dialect.name
            agent = context.agent
            allowsTokenInput = context.allowsTokenInput
            body = { request.body }
        }
    }

    /// What the engine was given for one prompt, as far as the body alone does not say it.
    struct Run: Hashable, Sendable {
        let prompt: [Int32]
        let seed: UInt64
        let temperature: Float
        let maxTokens: Int?
        let stopsOnRepetition: Bool

        init(_ request: GenerationRequest) {
            prompt = request.promptTokens
            seed = request.sampling.seed ?? 0
            temperature = request.sampling.temperature
            maxTokens = request.maxTokens
            stopsOnRepetition = request.stopsOnRepetition
        }

        /// Has a request be what it was.
        func restore(_ request: inout GenerationRequest) {
            request.promptTokens = prompt
            request.sampling.seed = seed
            request.sampling.temperature = temperature
            request.maxTokens = maxTokens
            request.stopsOnRepetition = stopsOnRepetition
            // What was cut off by a clock is compared as far as it goes.
            request.timeLimit = nil
        }
    }

    /// One choice of the answer.
    struct Reply: Hashable, Sendable {
        /// Its place among those of all prompts.
        let choice: Int
        let tokens: [Int32]
        /// Why it ended; nil where nobody waited for that.
        let end: String?

        /// Whether it came to an end of its own.
        var isWhole: Bool { end != nil && end != "failed" }
    }

    let asked: Asked
    let runs: [Run]
    let replies: [Reply]

    /// How many choices were asked for, of all prompts together.
    package var choiceCount: Int { (replies.map(\.choice).max() ?? 0) + 1 }

    private static let version = 1

    /// Whether a record has the digests of its prompts and replies.
    func belongs(to record: JSONObject) -> Bool {
        guard let prompts = AuditTrail.hash(of: runs.map(\.prompt)),
            let texts = AuditTrail.hash(of: replies.map(\.tokens))
        else { return false }
        return record["prompt_sha256"]?.stringValue == prompts
            && record["reply_sha256"]?.stringValue == texts
    }

    /// What is sealed.
    var bytes: [UInt8] {
        let content: JSONValue = [
            "version": .integer(Self.version),
            "path": .string(asked.path), "dialect": .string(asked.dialect),
            "agent": .string(asked.agent), "token_input": .bool(asked.allowsTokenInput),
            "body": .string(String(decoding: asked.body(), as: UTF8.self)),
            "runs": .array(runs.map(\.json)), "replies": .array(replies.map(\.json)),
        ]
        return content.serializedBytes()
    }
}

extension AuditedContent {
    /// Content that is no such thing.
    package struct Failure: Error, Hashable, CustomStringConvertible {
        let member: String

        /// One line that names the member.
        package var description: String {
            "the content of the record has no '\(member)' that this version of Cierzo knows"
        }
    }

    /// Reads what was sealed.
    ///
    /// - Throws: ``Failure``, which names the member.
    package init(_ bytes: [UInt8]) throws(Failure) {
        let limits = JSONParser.Limits(
            maxBytes: 1 << 32, maxDepth: 8, maxValues: 1 << 26, keepsDigits: true)
        let value = try? JSONParser.parse(bytes, limits: limits)
        guard let value, value["version"]?.intValue == Self.version else {
            throw Failure(member: "version")
        }
        asked = try Asked(value)
        runs = try Self.list(value, "runs") { Run($0) }
        replies = try Self.list(value, "replies") { Reply($0) }
    }

    private static func list<Element>(
        _ value: JSONValue, _ member: String, _ read: (JSONValue) -> Element?
    ) throws(Failure) -> [Element] {
        let values = value[member]?.arrayValue ?? []
        let elements = values.compactMap(read)
        guard !elements.isEmpty, elements.count == values.count else {
            throw Failure(member: member)
        }
        return elements
    }
}

extension AuditedContent.Asked {
    fileprivate init(_ value: JSONValue) throws(AuditedContent.Failure) {
        func text(_ member: String) throws(AuditedContent.Failure) -> String {
            guard let text = value[member]?.stringValue else {
                throw AuditedContent.Failure(member: member)
            }
            return text
        }
        path = try text("path")
        dialect = try text("dialect")
        agent = try text("agent")
        guard let allowsTokenInput = value["token_input"]?.boolValue else {
            throw AuditedContent.Failure(member: "token_input")
        }
        self.allowsTokenInput = allowsTokenInput
        let body = Array(try text("body").utf8)
        self.body = { body }
    }
}

extension AuditedContent.Run {
    fileprivate init?(_ value: JSONValue) {
        guard let prompt = value["prompt"].flatMap(AuditedContent.tokens),
            let seed = value["seed"]?.stringValue.flatMap(UInt64.init),
            let temperature = value["temperature"]?.doubleValue,
            let stops = value["stops_on_repetition"]?.boolValue
        else { return nil }
        let maxTokens = value["max_tokens"]?.intValue
        guard maxTokens != nil || value["max_tokens"]?.isNull == true else { return nil }
        self.prompt = prompt
        self.seed = seed
        self.temperature = Float(temperature)
        self.maxTokens = maxTokens
        stopsOnRepetition = stops
    }

    fileprivate var json: JSONValue {
        [
            "prompt": prompt.json, "seed": .string(String(seed)),
            "temperature": .number(Double(temperature)),
            "max_tokens": maxTokens.map { .integer($0) } ?? .null,
            "stops_on_repetition": .bool(stopsOnRepetition),
        ]
    }
}

extension AuditedContent.Reply {
    /// Wider than what a request may ask for.
    private static let places = 0..<1 << 16

    fileprivate init?(_ value: JSONValue) {
        guard let choice = value["choice"]?.intValue, Self.places.contains(choice),
            let tokens = value["tokens"].flatMap(AuditedContent.tokens)
        else { return nil }
        self.choice = choice
        self.tokens = tokens
        end = value["end"]?.stringValue
    }

    fileprivate var json: JSONValue {
        [
            "choice": .integer(choice), "tokens": tokens.json,
            "end": end.map { .string($0) } ?? .null,
        ]
    }
}

extension AuditedContent {
    fileprivate static func tokens(_ value: JSONValue) -> [Int32]? {
        guard let values = value.arrayValue else { return nil }
        let tokens = values.compactMap { $0.intValue.flatMap(Int32.init(exactly:)) }
        return tokens.count == values.count ? tokens : nil
    }
}
