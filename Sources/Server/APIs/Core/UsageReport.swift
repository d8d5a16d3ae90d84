// SPDX-License-Identifier: Apache-2.0

import Generation
package import JSON
package import Scheduling
import Serving

/// The token counts of an answer.
package struct UsageReport: Hashable, Sendable {
    /// The tokens of the prompts.
    package var promptTokens: Int

    /// The tokens of all choices.
    package var completionTokens: Int

    /// How many of the prompts' tokens were not computed again.
    package var cachedTokens: Int

    /// How many of the prompts' tokens were computed and kept for whoever begins alike.
    package var cacheWriteTokens: Int

    /// Why not more of the first prompt was found, if the request asks.
    package var diagnosis: CacheDiagnosis?

    /// How many of the choices' tokens the model has thought with.
    package var thinkingTokens: Int

    /// How many tokens of a client's prediction were tried, and were right or wrong.
    package var acceptedPredictionTokens = 0
    package var rejectedPredictionTokens = 0

    /// Creates a report.
    package init(
        promptTokens: Int = 0, completionTokens: Int = 0, cachedTokens: Int = 0,
        cacheWriteTokens: Int = 0, thinkingTokens: Int = 0
    ) {
        self.cacheWriteTokens = cacheWriteTokens
        self.thinkingTokens = thinkingTokens
        self.promptTokens = promptTokens
        self.completionTokens = completionTokens
        self.cachedTokens = cachedTokens
    }

    /// The object that both dialects read.
    package var json: JSONValue {
        var usage: JSONObject = [
            "prompt_tokens": .integer(promptTokens),
            "completion_tokens": .integer(completionTokens),
            "total_tokens": .integer(promptTokens + completionTokens),
            "prompt_tokens_details": [
                "cached_tokens": .integer(cachedTokens),
                "cache_write_tokens": .integer(cacheWriteTokens),
            ],
        ]
        var details: JSONObject = ["reasoning_tokens": .integer(thinkingTokens)]
        if acceptedPredictionTokens + rejectedPredictionTokens > 0 {
            details["accepted_prediction_tokens"] = .integer(acceptedPredictionTokens)
            details["rejected_prediction_tokens"] = .integer(rejectedPredictionTokens)
        }
        usage["completion_tokens_details"] = .object(details)
        if let diagnosis { usage["prompt_cache_diagnostics"] = diagnosis.json }
        return .object(usage)
    }

    /// Adds the counts of another prompt.
    package static func += (left: inout UsageReport, right: UsageReport) {
        left.promptTokens += right.promptTokens
        left.completionTokens += right.completionTokens
        left.cachedTokens += right.cachedTokens
        left.cacheWriteTokens += right.cacheWriteTokens
        left.thinkingTokens += right.thinkingTokens
        left.acceptedPredictionTokens += right.acceptedPredictionTokens
        left.rejectedPredictionTokens += right.rejectedPredictionTokens
        left.diagnosis = left.diagnosis ?? right.diagnosis
    }
}

extension UsageReport {
    /// The counts of one request.
    init(_ usage: Usage) {
        self.init(
            promptTokens: usage.promptTokens, completionTokens: usage.completionTokens,
            cachedTokens: usage.cachedPromptTokens, cacheWriteTokens: usage.cacheWriteTokens,
            thinkingTokens: usage.thinkingTokens)
        acceptedPredictionTokens = usage.acceptedPredictionTokens
        rejectedPredictionTokens = usage.rejectedPredictionTokens
        diagnosis = usage.cacheDiagnosis
    }
}

extension CollectedAnswer {
    /// The token counts of all prompts.
    var report: UsageReport {
        parts.reduce(into: UsageReport()) { report, part in
            if let usage = part.usage { report += UsageReport(usage) }
        }
    }
}

extension CollectedAnswer.Choice {
    /// Why it ended.
    ///
    /// - Throws: `APIError` where the choice has no answer to give.
    func written() throws(APIError) -> AnswerEvent.End {
        do throws(ServingError) { return try end() } catch { throw APIError(error) }
    }
}
