// SPDX-License-Identifier: Apache-2.0

internal import Metrics
internal import Scheduling

/// The engine's distributions, created once; what becomes of them is the backend's affair.
///
/// Counts and levels are in `EngineStatistics`, which the server reads when it is asked; what a
/// request waited and consumed is in its `Usage`.
struct EngineMetrics {
    private let stepDuration = Metrics.Timer(label: "cierzo_step_duration")
    private let phases: [Metrics.Timer]
    private let maskWait = Metrics.Timer(label: "cierzo_step_mask_wait_duration")
    private let stepTokens = Recorder(label: "cierzo_step_tokens")
    private let stepSequences = Recorder(label: "cierzo_step_sequences")
    private let tokenDuration = Metrics.Timer(label: "cierzo_output_token_duration")
    private let requestDuration = Metrics.Timer(label: "cierzo_request_duration")
    private let requests: [String: Counter]

    init() {
        phases = ["schedule", "forward", "sample"].map {
            Metrics.Timer(label: "cierzo_step_phase_duration", dimensions: [("phase", $0)])
        }
        let reasons = ["stop", "length", "repetition", "cancelled", "expired", "error"]
        requests = Dictionary(
            uniqueKeysWithValues: reasons.map {
                ($0, Counter(label: "cierzo_requests_total", dimensions: [("reason", $0)]))
            })
    }

    /// Records a step.
    ///
    /// - Parameters:
    ///   - step: what it computed.
    ///   - times: when its phases were.
    ///   - maskWait: the part of sampling that was spent on getting masks, if it needed any.
    func noteStep(_ step: borrowing ScheduledStep, _ times: StepTimes, maskWait: Duration?) {
        stepDuration.recordNanoseconds(times.start.duration(to: times.end).nanoseconds)
        phases[0].recordNanoseconds(times.schedule.nanoseconds)
        phases[1].recordNanoseconds(times.forward.nanoseconds)
        phases[2].recordNanoseconds(times.sample.nanoseconds)
        if let maskWait { self.maskWait.recordNanoseconds(maskWait.nanoseconds) }
        stepTokens.record(step.tokenCount)
        stepSequences.record(step.slices.count)
    }

    /// Counts requests that were cancelled before the engine took them.
    func noteWithdrawals(_ count: Int) {
        if count > 0 { requests["cancelled"]?.increment(by: Int64(count)) }
    }

    /// Records the end of a request; the reason is that of its last choice.
    func noteEnd(of usage: Usage, reason: FinishReason) {
        let name =
            switch reason {
            case .stop: "stop"
            case .length, .contextLength: "length"
            case .repetition: "repetition"
            case .cancelled: "cancelled"
            case .expired: "expired"
            case .error, .unavailable: "error"
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
