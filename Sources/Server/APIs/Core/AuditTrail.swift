// SPDX-License-Identifier: Apache-2.0

import Access
import Generation
import HTTP
import JSON
import Sampling
import Serving
import Synchronization

/// What is recorded of one request in the audit log: who, what and how it ended, and digests of the ids
/// of its prompts and replies; these themselves only where content is kept, and then sealed.
///
/// A digest is SHA-256 of the ids of each text in order, each text as its count and its ids, all of
/// them 32 bits with the lowest byte first.
final class AuditTrail: Sendable {
    private struct State {
        var parameters = JSONObject()
        var subject: String?
        var promptHash: String?
        var promptCount = 0
        var seed: UInt64?
        var asked: AuditedContent.Asked?
        var runs: [AuditedContent.Run] = []
        var replies: [Int: [Int32]] = [:]
        var ends: [Int: String] = [:]
        var isWritten = false
    }

    private static let maxParameters = 64
    private static let maxNameByteCount = 64

    private let head: JSONObject
    /// Whether all that was asked and answered is kept.
    let keepsContent: Bool
    private let state = Mutex(State())

    /// The trail of a request.
    ///
    /// - Parameters:
    ///   - account: who asks.
    ///   - context: what is known of the request.
    ///   - route: the route's name.
    init(of account: RequestAccount, _ context: RequestContext, route: String) {
        head = [
            "time": .string(CivilTime(context.backend.unixTime()).rfc3339),
            "request": .string(context.id), "key": .string(account.caller.id),
            "name": .string(account.caller.name), "from": .string(context.address),
            "route": .string(route), "family": .string(account.family.rawValue),
        ]
        keepsContent = account.access.audit?.keepsContent(of: account.caller) ?? false
    }

    /// Keeps the members of a body that are no content: numbers and truths.
    func read(_ body: JSONObject) {
        var parameters = JSONObject()
        for (name, value) in body where name.utf8.count <= Self.maxNameByteCount {
            switch value {
            case .integer, .number, .decimal, .bool: parameters[name] = value
            default: break
            }
            if parameters.count == Self.maxParameters { break }
        }
        let kept = parameters
        state.withLock { $0.parameters = kept }
    }

    /// Keeps the name of what a request is about that changes something: an adapter, a model, a key.
    func concerns(_ name: String) {
        state.withLock { $0.subject = name }
    }

    /// Keeps all that was asked, where content is kept.
    func asked(_ asked: AuditedContent.Asked) {
        if keepsContent { state.withLock { $0.asked = asked } }
    }

    /// Gives sampling a seed where the client gave none, so that the record knows it.
    func seed(_ requests: inout [GenerationRequest]) {
        let drawn = UInt64.random(in: .min ... .max)
        for index in requests.indices where requests[index].sampling.seed == nil {
            requests[index].sampling.seed = drawn &+ UInt64(index)
        }
        let first = requests.first?.sampling.seed
        state.withLock { $0.seed = first }
    }

    /// Keeps what the engine was given to answer.
    func submitted(_ requests: [GenerationRequest]) {
        submitted(requests.map(\.promptTokens))
        guard keepsContent else { return }
        let runs = requests.map { AuditedContent.Run($0) }
        state.withLock { $0.runs = runs }
    }

    /// Keeps what the engine was given to look at.
    func submitted(_ prompts: [[Int32]]) {
        let hash = Self.hash(of: prompts)
        state.withLock { state in
            state.promptHash = hash
            state.promptCount = prompts.count
        }
    }

    /// How many prompts the engine was given.
    var promptCount: Int { state.withLock { $0.promptCount } }

    /// Keeps what came of it.
    func heard(_ event: AnswerEvent) {
        state.withLock { state in
            switch event {
            case .output(let choice, _, let tokens):
                state.replies[choice, default: []] += tokens.map(\.id)
            case .finished(let choice, let end):
                state.ends[choice] = end.name(in: .openAI)
            case .failed(let choice, _): state.ends[choice ?? -1] = "failed"
            case .promptLogprobs, .embedding, .usage: break
            }
        }
    }

    /// Keeps a whole answer.
    func heard(_ answer: CollectedAnswer) {
        state.withLock { state in
            for (index, choice) in answer.parts.flatMap(\.choices).enumerated() {
                state.replies[index] = choice.tokens.map(\.id)
                let end: AnswerEvent.End? = try? choice.end()
                state.ends[index] = end?.name(in: .openAI) ?? "failed"
            }
        }
    }

    /// The record of the request, the first time.
    ///
    /// - Parameters:
    ///   - model: what has answered, if anything has.
    ///   - usage: what was consumed.
    ///   - status: what was answered.
    ///   - end: how it ended, where no choice says so.
    ///   - elapsed: how long it took.
    /// - Returns: nil if it is written.
    func record(
        by model: ServedModel?, _ usage: Usage, status: Int, ending end: String,
        after elapsed: Duration
    ) -> AuditLog.Entry? {
        let found: State? = state.withLock { state in
            if state.isWritten { return nil }
            state.isWritten = true
            return state
        }
        guard let found else { return nil }
        var record = head
        record["model"] = model.map { .string($0.description.name) }
        record["fingerprint"] = model.map { .string($0.fingerprint) }
        record["weights_sha256"] = model?.weightsHash().map { .string($0) }
        if let adapter = model?.adapter {
            var members: JSONObject = ["name": .string(adapter.name)]
            members["sha256"] = adapter.weightsHash.map { .string($0) }
            record["adapter"] = .object(members)
        }
        if let computation = model?.computation, !computation.isEmpty {
            record["computation"] = .object(computation)
        }
        record["parameters"] = .object(found.parameters)
        record["subject"] = found.subject.map { .string($0) }
        record["seed"] = found.seed.map { .string(String($0)) }
        record["prompt_tokens"] = .integer(usage.promptTokens)
        record["cached_tokens"] = .integer(usage.cachedPromptTokens)
        record["completion_tokens"] = .integer(usage.completionTokens)
        record["prompt_sha256"] = found.promptHash.map { .string($0) }
        if !found.replies.isEmpty {
            let replies = found.replies.sorted { $0.key < $1.key }.map(\.value)
            record["reply_sha256"] = Self.hash(of: replies).map { .string($0) }
        }
        record["status"] = .integer(status)
        let ends = found.ends.sorted { $0.key < $1.key }.map { JSONValue.string($0.value) }
        record["ended"] = .array(ends.isEmpty || end == "abandoned" ? [.string(end)] : ends)
        for (name, duration) in [
            ("queue_ms", usage.queueDuration), ("first_token_ms", usage.firstTokenDuration),
            ("total_ms", elapsed),
        ] as [(String, Duration?)] {
            record[name] = duration.map { .integer(Int($0 / .milliseconds(1))) }
        }
        guard let asked = found.asked, !found.runs.isEmpty, !found.replies.isEmpty else {
            return AuditLog.Entry(record)
        }
        let replies = found.replies.sorted { $0.key < $1.key }.map { choice, tokens in
            AuditedContent.Reply(choice: choice, tokens: tokens, end: found.ends[choice])
        }
        let content = AuditedContent(asked: asked, runs: found.runs, replies: replies)
        return AuditLog.Entry(record) { content.bytes }
    }

    /// The digest of texts.
    static func hash(of texts: [[Int32]]) -> String? {
        guard let digest = try? RunningDigest() else { return nil }
        for text in texts {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(4 * (text.count + 1))
            for number in [Int32(truncatingIfNeeded: text.count)] + text {
                for shift in [0, 8, 16, 24] {
                    bytes.append(UInt8(truncatingIfNeeded: number >> Int32(shift)))
                }
            }
            digest.add(bytes)
        }
        return Cryptography.hexadecimal(digest.finish())
    }
}
