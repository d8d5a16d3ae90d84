// SPDX-License-Identifier: Apache-2.0

import Generation
import Serving

extension UsageReport {
    /// The counts of one request.
    init(_ usage: Usage) {
        self.init(
            promptTokens: usage.promptTokens, completionTokens: usage.completionTokens,
            cachedTokens: usage.cachedPromptTokens)
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
