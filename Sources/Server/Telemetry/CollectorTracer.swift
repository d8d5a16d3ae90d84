// SPDX-License-Identifier: Apache-2.0

package import Tracing

/// Makes spans that an exporter sends to a collector.
package struct CollectorTracer: Tracer {
    package typealias Span = CollectedSpan

    private let exporter: SpanExporter

    /// A tracer whose spans an exporter gets.
    package init(_ exporter: SpanExporter) { self.exporter = exporter }

    package func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext,
        ofKind kind: SpanKind, at instant: @autoclosure () -> Instant, function: String,
        file fileID: String, line: UInt
    ) -> CollectedSpan {
        CollectedSpan(
            operationName, in: context(), kind, start: instant().nanosecondsSinceEpoch,
            collect: { [exporter] in exporter.add($0) })
    }

    package func forceFlush() { exporter.flush(within: .seconds(1)) }

    package func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard
            let parts = extractor.extract(key: "traceparent", from: carrier)?.split(separator: "-"),
            parts.count >= 4, parts[1].utf8.count == 32, parts[2].utf8.count == 16
        else { return }
        context.spanPlace = SpanPlace(traceID: String(parts[1]), spanID: String(parts[2]))
    }

    package func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let place = context.spanPlace else { return }
        injector.inject(
            "00-\(place.traceID)-\(place.spanID)-01", forKey: "traceparent", into: &carrier)
    }
}
