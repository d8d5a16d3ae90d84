// SPDX-License-Identifier: Apache-2.0

import Foundation
package import Metrics

/// Sends spans to a collector from a thread of its own, so that no request waits for it.
///
/// What a slow collector leaves waiting is bounded: further spans are dropped and counted, and so are
/// those that it does not take; nothing is sent twice.
// Safety: `state` is used only while `condition` is locked.
package final class SpanExporter: @unchecked Sendable {
    /// How much waits, and for how long.
    package struct Configuration: Sendable {
        /// The most spans that wait.
        package var maxWaiting = 2_048

        /// The most spans that are sent at once.
        package var maxBatch = 512

        /// How long a span waits for others.
        package var interval = Duration.seconds(5)

        /// What a collector of its own machine can take.
        package init() {}
    }

    /// Sends a body, on the exporter's thread; says why it was not taken, or nil.
    package typealias Sending = ([UInt8]) -> String?

    private struct State {
        var spans: [FinishedSpan] = []
        var isEnding = false
        var isSending = false
        var hasThread = false
    }

    private let configuration: Configuration
    private let resource: [String: String]
    private let report: @Sendable (String) -> Void
    private let connect: @Sendable () -> Sending
    private let sent: Counter
    private let dropped: Counter
    private let condition = NSCondition()
    private var state = State()

    /// An exporter that has nothing to send.
    ///
    /// - Parameters:
    ///   - configuration: how much waits.
    ///   - resource: what is known of the process.
    ///   - factory: where spans are counted.
    ///   - report: is told when the collector begins to fail.
    ///   - connect: makes what sends, on the exporter's thread.
    package init(
        _ configuration: Configuration = .init(), resource: [String: String],
        factory: any MetricsFactory, report: @escaping @Sendable (String) -> Void = { _ in },
        connect: @escaping @Sendable () -> Sending
    ) {
        self.configuration = configuration
        self.resource = resource
        self.report = report
        self.connect = connect
        sent = Counter(label: "cierzo_trace_spans_sent_total", factory: factory)
        dropped = Counter(label: "cierzo_trace_spans_dropped_total", factory: factory)
    }

    /// Takes a span, or drops it where too many wait.
    package func add(_ span: FinishedSpan) {
        condition.lock()
        defer { condition.unlock() }
        guard state.spans.count < configuration.maxWaiting else { return dropped.increment() }
        state.spans.append(span)
        startThread()
        if state.spans.count == 1 || state.spans.count >= configuration.maxBatch {
            condition.broadcast()
        }
    }

    /// Sends what waits without waiting for more.
    ///
    /// - Parameter time: how long that may take.
    /// - Returns: whether nothing waits any more.
    @discardableResult
    package func flush(within time: Duration) -> Bool {
        let deadline = Date(timeIntervalSinceNow: time / .seconds(1))
        condition.lock()
        defer {
            state.isEnding = false
            condition.unlock()
        }
        state.isEnding = true
        condition.broadcast()
        while !state.spans.isEmpty || state.isSending {
            guard condition.wait(until: deadline) else { return false }
        }
        return true
    }

    private func startThread() {
        guard !state.hasThread else { return }
        state.hasThread = true
        let thread = Thread { [self] in run() }
        thread.name = "cierzo-traces"
        thread.stackSize = 1 << 19
        thread.start()
    }

    /// Sends batch after batch; the thread never ends.
    private func run() {
        let send = connect()
        var isFailing = false
        while true {
            let batch = takeBatch()
            let failure = send(FinishedSpan.exportBody(batch, resource: resource))
            (failure == nil ? sent : dropped).increment(by: batch.count)
            if let failure, !isFailing { report(failure) }
            isFailing = failure != nil
        }
    }

    private func takeBatch() -> [FinishedSpan] {
        condition.lock()
        defer { condition.unlock() }
        state.isSending = false
        condition.broadcast()
        while state.spans.isEmpty { condition.wait() }
        let deadline = Date(timeIntervalSinceNow: configuration.interval / .seconds(1))
        while state.spans.count < configuration.maxBatch, !state.isEnding {
            guard condition.wait(until: deadline) else { break }
        }
        let batch = Array(state.spans.prefix(configuration.maxBatch))
        state.spans.removeFirst(batch.count)
        state.isSending = true
        return batch
    }
}
