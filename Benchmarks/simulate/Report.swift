// SPDX-License-Identifier: Apache-2.0

/// What a run gave.
struct Report {
    var seconds = 0.0
    var finishedCount = 0
    var refusedCount = 0
    var outputCount = 0
    var stepCount = 0
    var preemptionCount = 0
    var hitTokens: UInt64 = 0
    var missTokens: UInt64 = 0

    /// Seconds from arrival to the first token, one per request.
    var firstTokens: [Double] = []

    /// Seconds between two tokens of a request.
    var gaps: [Double] = []

    /// Output tokens per second.
    var throughput: Double { Double(outputCount) / max(seconds, 1e-9) }

    /// The share of prompt tokens that were found in the cache.
    var hitRate: Double { Double(hitTokens) / max(Double(hitTokens + missTokens), 1) }

    /// The value that so many per cent of the values do not exceed.
    static func percentile(_ values: [Double], _ percent: Double) -> Double {
        if values.isEmpty { return 0 }
        let sorted = values.sorted()
        return sorted[min(Int(percent / 100 * Double(sorted.count)), sorted.count - 1)]
    }

    static let header =
        pad("policy", 26) + pad("done", 7) + pad("refused", 8) + pad("tok/s", 9)
        + pad("TTFT p50", 10) + pad("p90", 9) + pad("p99", 9) + pad("gap p50", 10) + pad("p99", 9)
        + pad("hits", 7) + pad("preempted", 10)

    /// One line of the table; times in milliseconds.
    func line(_ name: String) -> String {
        func milliseconds(_ values: [Double], _ percent: Double) -> String {
            String(Int((Self.percentile(values, percent) * 1e3).rounded()))
        }
        let rate = String((throughput * 10).rounded() / 10)
        let hits = String(Int((hitRate * 100).rounded())) + " %"
        return Self.pad(name, 26) + Self.pad(String(finishedCount), 7)
            + Self.pad(String(refusedCount), 8) + Self.pad(rate, 9)
            + Self.pad(milliseconds(firstTokens, 50), 10)
            + Self.pad(milliseconds(firstTokens, 90), 9)
            + Self.pad(milliseconds(firstTokens, 99), 9)
            + Self.pad(milliseconds(gaps, 50), 10) + Self.pad(milliseconds(gaps, 99), 9)
            + Self.pad(hits, 7) + Self.pad(String(preemptionCount), 10)
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(width - text.count, 1)) + text
    }
}
