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
    /// The token counts.
    var report: UsageReport { usage.map { UsageReport($0) } ?? UsageReport() }
}
