// SPDX-License-Identifier: Apache-2.0

internal import Inference
internal import ModelFiles
internal import Scheduling

/// A request that the engine has taken; belongs to the engine's thread.
final class ActiveRequest {
    let submission: Submission

    /// What is asked of the prompt's tokens, and known of them so far.
    var scores: PromptScores

    /// The sum of the prompt's states so far, where a vector is made of them.
    var pooledStates: [Float] = []

    /// How many of the prompt's tokens it covers.
    var pooledCount = 0

    /// The choices that have not ended.
    var choices: [ActiveChoice] = []

    /// The choices that begin when the first one's prompt is computed.
    var unforked: [ActiveChoice] = []

    var usage: Usage

    /// Whether the prompt has been computed and is in the history.
    var isNoted = false

    init(_ submission: Submission) {
        self.submission = submission
        scores = PromptScores(submission.request)
        usage = Usage(promptTokens: submission.request.promptTokens.count)
    }

    var request: GenerationRequest { submission.request }

    /// Who may share its keys and values: those with an equal scope, and the same added to the model.
    private var scope: CacheScope {
        CacheScope(
            rawValue: request.cacheScope,
            adapter: request.adapter.map { adapter in
                "\(adapter.adapter.digest) \(adapter.scale.bitPattern)"
            } ?? "")
    }

    /// The prompt as it is remembered.
    var prompt: PromptHistory.Prompt {
        PromptHistory.Prompt(
            tokens: request.promptTokens, client: ClientID(rawValue: request.client),
            scope: scope, key: request.cacheKey)
    }

    /// What the scheduler is asked for.
    var sequenceRequest: SequenceRequest {
        SequenceRequest(
            promptTokens: request.promptTokens, maxTokens: submission.maxTokens,
            scoresPrompt: isScoring, scoredFrom: scores.firstPosition,
            forkCount: submission.maxTokens > 0 ? request.choiceCount - 1 : 0,
            priority: request.priority, client: ClientID(rawValue: request.client),
            weight: Double(request.weight), scope: scope,
            deadline: request.timeLimit.map { submission.submitted + $0 })
    }

    /// Whether log probabilities of the prompt are asked for and not yet complete, or the states of
    /// all of its tokens are.
    var isScoring: Bool {
        if case .vector(let pooling)? = request.embedding, pooling.method == .mean {
            return pooledCount < request.promptTokens.count
        }
        return scores.areIncomplete
    }
}
