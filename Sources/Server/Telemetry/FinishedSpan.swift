// SPDX-License-Identifier: Apache-2.0

import JSON
import Tracing

/// A span that has ended, and how OTLP writes it.
package struct FinishedSpan: Sendable {
    let place: SpanPlace
    let name: String
    let kind: SpanKind
    /// Nanoseconds since 1970.
    let start: UInt64
    let end: UInt64
    let attributes: SpanAttributes
    let events: [SpanEvent]
    let status: SpanStatus?

    /// The body of an export (OTLP 1, JSON encoding).
    ///
    /// - Parameters:
    ///   - spans: what is exported.
    ///   - resource: what is known of the process.
    /// - Returns: the body.
    static func exportBody(_ spans: [FinishedSpan], resource: [String: String]) -> [UInt8] {
        let known: [JSONValue] = resource.sorted { $0.key < $1.key }.map {
            ["key": .string($0.key), "value": ["stringValue": .string($0.value)]]
        }
        let scope: JSONValue = [
            "scope": ["name": "cierzo"], "spans": .array(spans.map(\.json)),
        ]
        let body: JSONValue = [
            "resourceSpans": [
                ["resource": ["attributes": .array(known)], "scopeSpans": [scope]]
            ]
        ]
        return body.serializedBytes()
    }

    private var json: JSONValue {
        var object: JSONObject = [
            "traceId": .string(place.traceID), "spanId": .string(place.spanID),
            "name": .string(name), "kind": .integer(kindNumber),
            "startTimeUnixNano": .string(String(start)), "endTimeUnixNano": .string(String(end)),
            "attributes": Self.json(attributes),
        ]
        if let parent = place.parentID { object["parentSpanId"] = .string(parent) }
        if !events.isEmpty {
            object["events"] = .array(
                events.map { event in
                    [
                        "timeUnixNano": .string(String(event.nanosecondsSinceEpoch)),
                        "name": .string(event.name), "attributes": Self.json(event.attributes),
                    ]
                })
        }
        if let status {
            var told: JSONObject = ["code": .integer(status.code == .ok ? 1 : 2)]
            if let message = status.message { told["message"] = .string(message) }
            object["status"] = .object(told)
        }
        return .object(object)
    }

    private var kindNumber: Int {
        switch kind {
        case .internal: 1
        case .server: 2
        case .client: 3
        case .producer: 4
        case .consumer: 5
        }
    }

    private static func json(_ attributes: SpanAttributes) -> JSONValue {
        var members: [(key: String, value: JSONValue)] = []
        attributes.forEach { members.append(($0, json($1))) }
        members.sort { $0.key < $1.key }
        return .array(members.map { ["key": .string($0.key), "value": $0.value] })
    }

    /// Whole numbers are texts, as the JSON of protocol buffers has those of 64 bits.
    private static func json(_ value: SpanAttribute) -> JSONValue {
        func array<Element>(_ elements: [Element], _ one: (Element) -> JSONValue) -> JSONValue {
            ["arrayValue": ["values": .array(elements.map(one))]]
        }
        func text(_ text: String) -> JSONValue { ["stringValue": .string(text)] }
        func whole(_ number: some BinaryInteger) -> JSONValue { ["intValue": .string("\(number)")] }
        func decimal(_ number: Double) -> JSONValue { ["doubleValue": .number(number)] }
        func flag(_ flag: Bool) -> JSONValue { ["boolValue": .bool(flag)] }
        switch value {
        case .string(let value): return text(value)
        case .stringArray(let values): return array(values, text)
        case .int32(let value): return whole(value)
        case .int32Array(let values): return array(values) { whole($0) }
        case .int64(let value): return whole(value)
        case .int64Array(let values): return array(values) { whole($0) }
        case .double(let value): return decimal(value)
        case .doubleArray(let values): return array(values, decimal)
        case .bool(let value): return flag(value)
        case .boolArray(let values): return array(values, flag)
        case .stringConvertible(let value): return text("\(value)")
        case .stringConvertibleArray(let values): return array(values) { text("\($0)") }
        default: return text("\(value)")
        }
    }
}
