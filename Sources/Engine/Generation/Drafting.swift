// SPDX-License-Identifier: Apache-2.0

/// The guesses at one choice's next tokens: where they come from, what they have cost and saved, and
/// those that the next step checks.
struct Drafting {
    private var source: DraftSource
    private var account = DraftAccount()

    /// Where the last guess came from, and how much of it was right.
    private var guess: (origin: DraftSource.Origin, keptCount: Int)?

    /// Begins with a request's prompt and the answer that its client predicts.
    init(of submission: Submission) {
        source = DraftSource(
            prompt: submission.request.promptTokens,
            prediction: submission.request.predictedTokens, answerCount: submission.maxTokens)
    }

    /// Takes the next token of the answer.
    mutating func append(_ token: Int32) { source.append(token) }

    /// Notes how much of the last guess was right.
    mutating func keep(_ count: Int) { guess?.keptCount = count }

    /// Accounts for a step, in which the last guess was checked, or a part of it, or nothing.
    ///
    /// - Parameters:
    ///   - checkedCount: how many guessed tokens the step had.
    ///   - seconds: what the choice's part of the step would have taken without guesses.
    ///   - tokenSeconds: what each guessed token has made the step longer by.
    mutating func settle(_ checkedCount: Int, seconds: Double, tokenSeconds: Double) {
        account.note(stepSeconds: seconds)
        if checkedCount > 0, let guess {
            account.settle(
                checkedCount, keptCount: guess.keptCount, from: guess.origin,
                cost: Double(checkedCount) * tokenSeconds, stepSeconds: seconds)
        }
        guess = nil
    }

    /// Guesses what comes next, as far as it is worth it.
    ///
    /// - Parameters:
    ///   - tokenCount: how many tokens the next step has without it.
    ///   - sequenceCount: how many sequences share the step.
    ///   - costs: of steps.
    /// - Returns: the tokens; none where nothing is known or worth it.
    mutating func next(
        tokenCount: Int, sequenceCount: Int, _ costs: StepCosts
    ) -> ArraySlice<Int32> {
        let (tokens, origin) = source.draft(DraftAccount.mostTokens)
        let count = account.count(
            from: origin, available: tokens.count, tokenCount: tokenCount,
            sequenceCount: sequenceCount, costs)
        guess = count > 0 ? (origin, 0) : nil
        return tokens.prefix(count)
    }

    /// Whether the last guess is the client's own.
    var isPredicted: Bool { guess?.origin == .prediction }
}
