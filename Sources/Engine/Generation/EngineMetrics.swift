// SPDX-License-Identifier: Apache-2.0

internal import Metrics
internal import Scheduling

/// The engine's metrics, created once; what becomes of them is the backend's affair.
///
/// What a request waited and consumed is in its `Usage`; the server records that.
struct EngineMetrics {
    private let running = Gauge(label: "cierzo_running_sequences")
    private let waiting = Gauge(label: "cierzo_waiting_sequences")
    private let usedBlocks = Gauge(label: "cierzo_kv_blocks_used")
    private let freeBlocks = Gauge(label: "cierzo_kv_blocks_free")
    private let steps = Counter(label: "cierzo_steps_total")
    private let preemptions = Counter(label: "cierzo_preemptions_total")
    private let prefillTokens = Counter(label: "cierzo_prefill_tokens_total")
    private let decodeTokens = Counter(label: "cierzo_decode_tokens_total")
    private let stepDuration = Metrics.Timer(label: "cierzo_step_duration")
    private let tokenDuration = Metrics.Timer(label: "cierzo_output_token_duration")
    private let requestDuration = Metrics.Timer(label: "cierzo_request_duration")
    private let requests: [String: Counter]

    init() {
        let reasons = ["stop", "length", "cancelled", "error"]
        requests = Dictionary(
            uniqueKeysWithValues: reasons.map {
                ($0, Counter(label: "cierzo_requests_total", dimensions: [("reason", $0)]))
            })
    }

    /// Records the state after a step.
    func note(_ statistics: EngineStatistics) {
        running.record(statistics.runningSequences)
        waiting.record(statistics.waitingSequences)
        usedBlocks.record(statistics.usedBlocks)
        freeBlocks.record(statistics.freeBlocks)
    }

    /// Records a step.
    func noteStep(_ step: borrowing ScheduledStep, duration: Duration) {
        steps.increment()
        preemptions.increment(by: step.preempted.count)
        prefillTokens.increment(by: step.prefillCount)
        decodeTokens.increment(by: step.decodeCount)
        stepDuration.recordNanoseconds(duration.nanoseconds)
    }

    /// Records the end of a request; the reason is that of its last choice.
    func noteEnd(of usage: Usage, reason: FinishReason) {
        let name =
            switch reason {
            case .stop: "stop"
            case .length, .contextLength: "length"
            case .cancelled: "cancelled"
            case .error: "error"
            }
        requests[name]?.increment()
        requestDuration.recordNanoseconds(usage.totalDuration.nanoseconds)
        guard let first = usage.firstTokenDuration, usage.completionTokens > 1 else { return }
        let decoding = usage.totalDuration - first
        tokenDuration.recordNanoseconds(
            decoding.nanoseconds / Int64(usage.completionTokens - 1))
    }
}

extension Duration {
    /// Whole nanoseconds, at most what 64 bits hold.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowsToo) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflows || overflowsToo ? Int64.max : sum
    }
}
