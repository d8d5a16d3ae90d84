// SPDX-License-Identifier: Apache-2.0

internal import Metrics
internal import Scheduling

/// The engine's distributions, created once; what becomes of them is the backend's affair.
///
/// Counts and levels are in `EngineStatistics`, which the server reads when it is asked; what a
/// request waited and consumed is in its `Usage`.
struct EngineMetrics {
    private let stepDuration: Metrics.Timer
    private let phases: [Metrics.Timer]
    private let maskWait: Metrics.Timer
    private let stepTokens: Recorder
    private let stepSequences: Recorder
    private let interTokenLatency: Metrics.Timer
    private let meanTokenDuration: Metrics.Timer
    private let requestDuration: Metrics.Timer
    private let requests: [String: Counter]

    /// The distributions of an engine.
    ///
    /// - Parameter model: the name of its model.
    init(model: String) {
        let own = [("model_name", model)]
        func timer(_ label: String) -> Metrics.Timer {
            Metrics.Timer(label: label, dimensions: own)
        }
        stepDuration = timer("cierzo_step_duration")
        phases = ["schedule", "forward", "sample"].map {
            Metrics.Timer(label: "cierzo_step_phase_duration", dimensions: own + [("phase", $0)])
        }
        maskWait = timer("cierzo_step_mask_wait_duration")
        stepTokens = Recorder(label: "cierzo_step_tokens", dimensions: own)
        stepSequences = Recorder(label: "cierzo_step_sequences", dimensions: own)
        interTokenLatency = timer("cierzo_inter_token_latency")
        meanTokenDuration = timer("cierzo_request_time_per_output_token")
        requestDuration = timer("cierzo_e2e_request_latency")
        let reasons = ["stop", "length", "repetition", "cancelled", "expired", "error"]
        requests = Dictionary(
            uniqueKeysWithValues: reasons.map {
                ($0, Counter(label: "cierzo_requests_total", dimensions: own + [("reason", $0)]))
            })
    }

    /// Records the time between two steps that gave an answer tokens.
    func noteToken(after interval: Duration) {
        interTokenLatency.recordNanoseconds(interval.nanoseconds)
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
        meanTokenDuration.recordNanoseconds(
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
