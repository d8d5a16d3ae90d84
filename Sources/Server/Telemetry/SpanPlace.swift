// SPDX-License-Identifier: Apache-2.0

package import Tracing

/// Where a span stands in its trace (W3C Trace Context, level 1).
package struct SpanPlace: Hashable, Sendable {
    /// The trace: 32 hexadecimal digits.
    package let traceID: String

    /// The span: 16 hexadecimal digits.
    package let spanID: String

    /// The span that it is a part of; nil for the first one of a trace.
    package let parentID: String?

    /// A place whose numbers are known.
    package init(traceID: String, spanID: String, parentID: String? = nil) {
        self.traceID = traceID
        self.spanID = spanID
        self.parentID = parentID
    }

    /// A new place below another one, or the first one of a new trace.
    init(below parent: SpanPlace?) {
        self.init(
            traceID: parent?.traceID ?? Self.randomHex(digits: 32),
            spanID: Self.randomHex(digits: 16), parentID: parent?.spanID)
    }

    private static func randomHex(digits count: Int) -> String {
        var generator = SystemRandomNumberGenerator()
        var text = ""
        while text.utf8.count < count {
            let digits = String(generator.next(), radix: 16)
            text += String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }
        return text
    }
}

private enum SpanPlaceKey: ServiceContextKey {
    typealias Value = SpanPlace
}

extension ServiceContext {
    /// The place of the span that this is the context of.
    package var spanPlace: SpanPlace? {
        get { self[SpanPlaceKey.self] }
        set { self[SpanPlaceKey.self] = newValue }
    }
}
