// SPDX-License-Identifier: Apache-2.0

import Access
import Generation
import Serving

extension RequestContext {
    /// Has requests keep to the context of the key that they came with.
    ///
    /// - Parameters:
    ///   - requests: what is to be generated; answers that would go beyond end before.
    ///   - fields: where the prompts stand in the body.
    /// - Throws: `promptTooLong`.
    func fit(
        _ requests: inout [GenerationRequest], fields: QuestionFields
    ) throws(APIError) {
        for index in requests.indices {
            let request = requests[index]
            let isAnswered = request.embedding == nil && request.maxTokens != 0
            let room = try room(
                after: request.promptTokens.count, in: index, isAnswered: isAnswered,
                fields: fields)
            if let room, isAnswered {
                requests[index].maxTokens = min(request.maxTokens ?? room, room)
            }
        }
    }

    /// How much of the key's context a prompt leaves to its answer; nil where the key has no limit.
    ///
    /// - Parameters:
    ///   - promptCount: the tokens of the prompt.
    ///   - index: its place.
    ///   - isAnswered: whether there must be room for anything.
    ///   - fields: where the prompts stand in the body.
    /// - Returns: a number of tokens.
    /// - Throws: `promptTooLong`.
    func room(
        after promptCount: Int, in index: Int, isAnswered: Bool, fields: QuestionFields
    ) throws(APIError) -> Int? {
        guard let context = caller.limits.context else { return nil }
        let room = context - promptCount
        guard room >= (isAnswered ? 1 : 0) else {
            throw .promptTooLong(
                field: fields.path(of: .prompt(index)).description, tokenCount: promptCount,
                contextLength: context)
        }
        return room
    }

    /// Has counted and recorded what a request for an endpoint comes to.
    func account(for endpoint: Endpoint) {
        guard let access = backend.access, let family = endpoint.family, endpoint.isRecorded else {
            return
        }
        record.count(
            in: RequestAccount(caller: caller, family: family, access: access), self)
    }

    /// Takes a place within the limits of the key.
    ///
    /// - Throws: `limited`.
    func enter() throws(APIError) {
        guard let access = backend.access else { return }
        do throws(LimitRefusal) {
            record.hold(try access.enter(caller, inBackground: place != nil))
        } catch {
            throw .limited(error)
        }
    }

    /// Keeps tokens of the key's limits for prompts, and for answers as far as they are limited.
    ///
    /// - Throws: `limited`.
    func reserve(_ requests: [GenerationRequest]) throws(APIError) {
        var (prompt, answer) = (0, 0)
        for request in requests {
            prompt += request.promptTokens.count
            // No context holds more, whatever a client writes.
            let limit = min(request.maxTokens ?? 0, backend.longestContext)
            if request.embedding == nil { answer += limit * request.choiceCount }
        }
        try reserve(prompt: prompt, answer: answer)
    }

    /// Keeps tokens of the key's limits.
    ///
    /// - Parameters:
    ///   - prompt: those of all prompts.
    ///   - answer: those that the answers may have.
    /// - Throws: `limited`.
    func reserve(prompt: Int, answer: Int) throws(APIError) {
        guard let lease = record.lease else { return }
        do throws(LimitRefusal) {
            try lease.reserve(prompt: prompt, answer: answer)
        } catch {
            throw .limited(error)
        }
    }
}
