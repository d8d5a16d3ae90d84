// SPDX-License-Identifier: Apache-2.0

package import Conversation
package import Generation
package import JSON

/// The body of `POST /v1/decisions`: typed questions about one input.
package struct DecisionRequest: Hashable, Sendable {
    /// Which model is asked.
    package var model: String

    /// What the questions are about.
    package var messages: [Message]

    /// The questions, from 1 to 400.
    package var questions: [DecisionQuestion]

    /// Whether each answer tells the ids of its prompt, and ids and log probability of its labels, so
    /// that anybody can compute it again by scoring them (as in `/v1/completions` with `echo`).
    package var returnsTokenIDs: Bool

    /// Priority, time limit, and what it says of the cache.
    package var generation = GenerationRequest(promptTokens: [])

    /// Reads and checks the body.
    ///
    /// - Throws: `FieldError`, which names the field.
    package init(_ body: JSONObject, limits: RequestLimits = .init()) throws(FieldError) {
        let fields = FieldReader(body, by: FieldRules(limits: limits))
        model = try fields.require(ChatFields.model)
        messages = try DecisionInput.messages(fields, limits: limits)
        questions = []
        for (value, path) in try fields.require(DecisionFields.questions) {
            questions.append(
                try DecisionQuestion(FieldReader(value, at: path), limits: limits))
        }
        guard !questions.isEmpty else {
            throw .invalid(
                "questions", expected: "from 1 to \(DecisionQuestion.mostQuestions) elements")
        }
        let cache = try CacheFields(fields)
        generation.cacheKey = cache.key
        generation.diagnosesCache = cache.wantsDiagnostics
        _ = try fields.read(DecisionFields.safetyIdentifier)
        returnsTokenIDs = try fields.read(GenerationFields.returnsTokenIDs)
        generation.priority = try fields.read(GenerationFields.priority)
        generation.cacheScope = try fields.read(GenerationFields.cacheSalt)
        generation.timeLimit = try fields.read(GenerationFields.timeLimit).map { .seconds($0) }
        try fields.refuse(DecisionFields.stream)
        try fields.refuse(DecisionFields.joint)
    }
}
