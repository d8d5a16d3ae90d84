// SPDX-License-Identifier: Apache-2.0

import Synchronization
package import Tracing

/// A span that goes to the collector once it has ended.
package final class CollectedSpan: Tracing.Span {
    private struct State {
        var name: String
        var attributes: SpanAttributes = [:]
        var events: [SpanEvent] = []
        var status: SpanStatus?
        var hasEnded = false
    }

    package let context: ServiceContext

    private let place: SpanPlace
    private let kind: SpanKind
    private let start: UInt64
    private let collect: @Sendable (FinishedSpan) -> Void
    private let state: Mutex<State>

    /// Begins a span.
    ///
    /// - Parameters:
    ///   - name: what is done.
    ///   - parent: the context that it begins in.
    ///   - kind: whom it serves.
    ///   - start: nanoseconds since 1970.
    ///   - collect: gets it at its end.
    init(
        _ name: String, in parent: ServiceContext, _ kind: SpanKind, start: UInt64,
        collect: @escaping @Sendable (FinishedSpan) -> Void
    ) {
        place = SpanPlace(below: parent.spanPlace)
        var context = parent
        context.spanPlace = place
        self.context = context
        self.kind = kind
        self.start = start
        self.collect = collect
        state = Mutex(State(name: name))
    }

    package var operationName: String {
        get { state.withLock { $0.name } }
        set { change { $0.name = newValue } }
    }

    package var attributes: SpanAttributes {
        get { state.withLock { $0.attributes } }
        set { change { $0.attributes = newValue } }
    }

    package var isRecording: Bool { state.withLock { !$0.hasEnded } }

    package func setStatus(_ status: SpanStatus) { change { $0.status = status } }

    package func addEvent(_ event: SpanEvent) { change { $0.events.append(event) } }

    package func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        var attributes = attributes
        attributes["exception.message"] = "\(error)"
        addEvent(SpanEvent(name: "exception", at: instant(), attributes: attributes))
    }

    /// Links say nothing that a collector is told.
    package func addLink(_ link: SpanLink) {}

    package func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        let last: State? = state.withLock { state in
            guard !state.hasEnded else { return nil }
            state.hasEnded = true
            return state
        }
        guard let last else { return }
        collect(
            FinishedSpan(
                place: place, name: last.name, kind: kind, start: start,
                end: max(start, instant().nanosecondsSinceEpoch), attributes: last.attributes,
                events: last.events, status: last.status))
    }

    private func change(_ change: (inout State) -> Void) {
        state.withLock { if !$0.hasEnded { change(&$0) } }
    }
}
