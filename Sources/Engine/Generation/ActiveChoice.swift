// SPDX-License-Identifier: Apache-2.0

internal import Sampling
internal import Scheduling
internal import StructuredOutput
internal import Tokenization

/// One continuation of a request's prompt: its tokens become text here, what must and what may
/// follow is known, and its end is noticed.
///
/// What a constraint may have to take back does not come out before it is certain. At a dead end
/// the choice goes back to the last token of those that might have been another, which then must
/// be another.
///
/// Belongs to the engine's thread; only its matcher is shared.
final class ActiveChoice {
    /// A token that nobody chose.
    struct ForcedToken {
        var id: Int32

        /// Whether the constraint has the answer end with it.
        var endsAnswer = false
    }

    /// Tokens that may be taken back.
    private struct Provisional {
        /// What the answer and its thinking were before the first of them.
        let text: AnswerText
        let thinking: ThinkingProgress?

        /// How many tokens the answer had at each choice among several that was made since, and what
        /// its samplers remembered then.
        var choices: [(tokenCount: Int, state: SamplerState)] = []
    }

    /// How often an answer may go back, and by how many tokens each time and altogether.
    private static let mostRewinds = 64
    private static let mostTokensBack = 256
    private static let mostTokensBackTogether = 1_024

    /// How many forced tokens are asked for at a time.
    private static let forcedLimit = 64

    let active: ActiveRequest
    let index: Int
    let id: SequenceID

    /// What holds the answer to its constraint.
    let matcher: SharedMatcher?

    /// When it got tokens last.
    var lastToken: ContinuousClock.Instant?

    /// What guesses its next tokens, from the first one on; nil where nobody does.
    var drafting: Drafting?

    /// Whether it may save time to guess them: not if each needs a mask of its own.
    private let mayDraft: Bool

    private var text: AnswerText
    private var thinking: ThinkingProgress?

    /// Tokens that come next without being sampled; the last one first.
    private var forced: [ForcedToken] = []

    private var provisional: Provisional?

    /// What the samplers remember of the tokens so far, and did before the last one.
    private(set) var samplerState: SamplerState
    private var lastSamplerState: SamplerState

    /// What came before those and has not come out.
    private var settled = (text: "", tokens: TokenRun())

    private var rewindCount = 0
    private var takenBackCount = 0

    init(
        of active: ActiveRequest, index: Int, id: SequenceID, tokenizer: any Tokenizer, drafts: Bool
    ) {
        self.active = active
        self.index = index
        self.id = id
        text = AnswerText(of: active.submission, tokenizer: tokenizer)
        samplerState = SamplerState(active.request.sampling.chain)
        lastSamplerState = samplerState
        matcher = active.request.constraint.map {
            SharedMatcher($0, continuesText: active.request.continuesText)
        }
        thinking = active.request.thinkingBudget.map(ThinkingProgress.init)
        mayDraft =
            drafts && matcher == nil && active.submission.maxTokens > 2
            && !active.submission.isLaterStep
        demandNext()
    }

    /// The tokens so far, if samplers ask for them.
    var history: TokenHistory? { text.history }

    var generatedCount: Int { text.tokenCount }

    /// The tokens that may not be chosen next: those that would end a choice that is too short, or
    /// that are not to end it.
    var maskedTokens: [Int32] {
        generatedCount < active.request.minTokens
            ? active.submission.endTokensInOrder : active.submission.ignoredEndTokens
    }

    /// The tokens that may not be chosen next because they would complete what may not be said.
    var bannedTokens: [Int32] {
        let sequences = active.request.sampling.bannedSequences
        return sequences.isEmpty ? [] : text.history?.bannedTokens(of: sequences) ?? []
    }

    /// Notes what the samplers remember with the token that is appended next.
    func noteSamplerState(_ state: SamplerState) {
        lastSamplerState = samplerState
        samplerState = state
    }

    /// Whether the mask of the next token is wanted.
    var needsMask: Bool { matcher != nil && forced.isEmpty }

    /// Whether the next token is sampled, and no other is known to follow.
    var samplesNext: Bool { forced.isEmpty }

    // MARK: Tokens

    /// Takes the next token from those that come without being sampled.
    func takeForced() -> ForcedToken? { forced.popLast() }

    /// Takes the next token.
    ///
    /// - Parameters:
    ///   - token: what was sampled or forced.
    ///   - endsAnswer: whether the constraint has the answer end with it.
    ///   - wasChosen: whether it might have been another.
    ///   - logprobs: what the model thought of it, if the request asks.
    /// - Returns: the end if this was the last one.
    func append(
        _ token: Int32, endsAnswer: Bool = false, wasChosen: Bool, _ logprobs: TokenLogprobs?
    ) -> AnswerText.End? {
        let submission = active.submission
        let isEnd =
            endsAnswer || submission.endTokens.contains(token)
            || submission.constraintEndTokens.contains(token)
        if let matcher, !endsAnswer {
            guard let mayBeTakenBack = matcher.accept(token) else {
                return .init(reason: .error("token \(token) breaks the constraint"))
            }
            noteCertainty(mayBeTakenBack && !isEnd, wasChosen: wasChosen)
        }
        active.usage.completionTokens += 1
        if mayDraft, generatedCount == 0 { drafting = Drafting(of: submission) }
        let end = text.append(token, logprobs, isEnd: isEnd, of: submission)
        thinking?.append(token)
        drafting?.append(token)
        if end == nil, forced.isEmpty { demandNext() }
        // A stop that the request asks for may end the answer anywhere.
        guard let matcher, end?.stop == .token(token),
            submission.constraintEndTokens.contains(token)
        else { return end }
        return matcher.problem().map { problem in
            .init(reason: .error("the answer does not keep to its constraint: \(problem)"))
        } ?? end
    }

    /// Remembers where tokens begin that may be taken back, and forgets it when they are certain.
    private func noteCertainty(_ mayBeTakenBack: Bool, wasChosen: Bool) {
        guard mayBeTakenBack else {
            provisional = nil
            return
        }
        if provisional == nil {
            settle()
            provisional = Provisional(text: text, thinking: thinking)
        }
        if wasChosen { provisional?.choices.append((generatedCount, lastSamplerState)) }
    }

    /// Finds what must come next.
    private func demandNext() {
        if let closing = thinking?.closingTokens, !closing.isEmpty,
            matcher.map({ $0.allows(closing) }) ?? true
        {
            for token in closing.reversed() { forced.append(ForcedToken(id: token)) }
            return
        }
        guard let matcher else { return }
        switch matcher.demand(limit: Self.forcedLimit) {
        case .tokens(let tokens):
            for token in tokens.reversed() { forced.append(ForcedToken(id: token)) }
        case .end:
            let endTokens = active.submission.constraintEndTokens
            if let token = matcher.first(of: endTokens) ?? endTokens.first {
                forced.append(ForcedToken(id: token, endsAnswer: true))
            }
        }
    }

    // MARK: Dead ends

    /// Goes back to the last choice among several that may be taken back, and forbids its token.
    ///
    /// - Returns: how many tokens the answer has now; nil where it cannot go back.
    func rewind() -> Int? {
        guard let matcher, let choice = provisional?.choices.popLast(), let provisional else {
            return nil
        }
        let last = choice.tokenCount
        let distance = generatedCount - last
        guard rewindCount < Self.mostRewinds, distance <= Self.mostTokensBack,
            takenBackCount + distance <= Self.mostTokensBackTogether
        else { return nil }
        rewindCount += 1
        takenBackCount += distance
        active.usage.completionTokens -= distance
        let tokens = text.newTokens
        text = provisional.text
        thinking = provisional.thinking
        samplerState = choice.state
        for token in tokens.dropLast(distance) {
            _ = text.append(token.id, token.logprobs, isEnd: false, of: active.submission)
            thinking?.append(token.id)
        }
        forced.removeAll(keepingCapacity: true)
        if let token = tokens.dropFirst(tokens.count - distance).first {
            matcher.rewind(to: last, forbidding: token.id)
        }
        return last
    }

    /// How the answer ends where nothing may follow and it cannot go back.
    var deadEnd: AnswerText.End {
        let isRestricted = active.request.sampling.isRestricted
        guard let matcher else { return .init(reason: .stop) }
        if let limitation = matcher.limitation { return .init(reason: .error(limitation)) }
        // What the request forbids may keep the answer from its form: it is cut there.
        if isRestricted { return .init(reason: .length) }
        return .init(
            reason: .error(
                "the answer came to a place where the constraint allows nothing that the model "
                    + "can say, and could not go back"))
    }

    // MARK: Text

    /// Takes the tokens that are certain and have not come out, with the text that they complete.
    func takeOutput() -> (text: String, tokens: TokenRun) {
        if provisional == nil { settle() }
        defer { settled = ("", TokenRun()) }
        return settled
    }

    /// Takes everything that has not come out, certain or not, at the end of the answer.
    func takeRest() -> (text: String, tokens: TokenRun) {
        provisional = nil
        var (text, tokens) = takeOutput()
        text += self.text.flush()
        return (text, tokens)
    }

    /// Gives up what has not come out and may be wrong; it counts as never generated.
    func discard() {
        active.usage.completionTokens -= text.newTokens.count
        text.discard()
        provisional = nil
    }

    private func settle() {
        let (text, tokens) = text.take()
        settled.text += text
        settled.tokens.append(contentsOf: tokens)
    }
}
