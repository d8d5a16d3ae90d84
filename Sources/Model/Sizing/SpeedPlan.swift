// SPDX-License-Identifier: Apache-2.0

/// What some users get of a model, from how long its steps take.
package struct SpeedPlan: Sendable, Equatable {
    package let userCount: Int
    /// Seconds until one user has his first token while nobody else asks.
    package let firstTokenAlone: Double
    /// The same for the last of all users, when all ask at once.
    package let firstTokenLast: Double
    /// Tokens per second of each user while all get answers, and of all together.
    package let tokensPerSecondEach: Double
    package let tokensPerSecond: Double
    /// Tokens per second of all together when each asks again as soon as he has an answer, so that
    /// prompts are read all the time, too.
    package let tokensPerSecondBusy: Double

    /// Reckons.
    ///
    /// - Parameters:
    ///   - userCount: how many there are.
    ///   - answerCount: the tokens of an answer.
    ///   - prompt: seconds in which a prompt is read.
    ///   - step: seconds of a step in which every user gets a token.
    package init(userCount: Int, answerCount: Int, prompt: Double, step: Double) {
        let users = Double(userCount)
        let answer = Double(answerCount)
        self.userCount = userCount
        firstTokenAlone = prompt
        firstTokenLast = prompt * users
        tokensPerSecondEach = 1 / step
        tokensPerSecond = users / step
        tokensPerSecondBusy = users * answer / (users * prompt + answer * step)
    }
}
