// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Telemetry

/// The place of a request in the client's trace (W3C Trace Context, level 1).
struct TraceContext: Hashable, Sendable {
    /// The trace: 32 hexadecimal digits.
    let traceID: String

    /// What the client does in it, of which this server's work is a part; nil where the trace begins
    /// here.
    let parentID: String?

    /// What this server does in it: 16 hexadecimal digits, new for each request.
    let spanID: String

    /// Whether the client records the trace, and what else it says in two digits.
    let flags: String

    /// The trace that the fields of a request continue; nil without a valid `traceparent`.
    init?(continuing fields: HTTPFields) {
        guard let text = fields[name: "traceparent"] else { return nil }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, Self.isHex(parts[0], count: 2), parts[0] != "ff",
            parts.count == 4 || parts[0] != "00",
            Self.isHex(parts[1], count: 32), Self.isHex(parts[2], count: 16),
            Self.isHex(parts[3], count: 2),
            [parts[1], parts[2]].allSatisfy({ $0.contains { $0 != "0" } })
        else { return nil }
        traceID = String(parts[1])
        parentID = String(parts[2])
        flags = String(parts[3])
        spanID = String(RequestContext.randomHex().prefix(16))
    }

    /// The trace as a span stands in it that is recorded here.
    init(recordedAt place: SpanPlace) {
        traceID = place.traceID
        parentID = place.parentID
        spanID = place.spanID
        flags = "01"
    }

    /// Whether the client records the trace.
    var isRecorded: Bool { (UInt8(flags, radix: 16) ?? 0) & 1 == 1 }

    /// The client's place in it.
    var parentPlace: SpanPlace? { parentID.map { SpanPlace(traceID: traceID, spanID: $0) } }

    /// `traceparent` for the client, with the span of this server.
    var parent: String { "00-\(traceID)-\(spanID)-\(flags)" }

    private static func isHex(_ text: Substring, count: Int) -> Bool {
        text.utf8.count == count
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"):
                    true
                default: false
                }
            }
    }
}
