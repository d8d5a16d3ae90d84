// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Synchronization

/// Compresses whole answers of text for clients that accept it.
///
/// Answers that are produced while they are sent, such as streams of events, go as they are: each of
/// them would need a compressor's memory for as long as it lasts, and gain little, event by event.
final class ResponseCompression: Sendable {
    /// What fits into one packet gains nothing by being smaller.
    private static let minByteCount = 1_400
    /// How many compressors there are at most; beyond, answers go as they are.
    private static let maxRunning = 16
    /// After so much the thread serves others, too.
    private static let pieceByteCount = 256 << 10

    private let running = Atomic(0)

    /// The response as it is sent to a client.
    ///
    /// - Parameters:
    ///   - response: the response of a handler.
    ///   - fields: those of the request.
    /// - Returns: the same, or its compressed form; `Vary` says to caches that it has one.
    func applied(to response: ServerResponse, for fields: HTTPFields) async -> ServerResponse {
        guard case .bytes(let body) = response.body, body.count >= Self.minByteCount,
            Self.isCompressible(response.head)
        else { return response }
        var response = response
        Self.addVary(to: &response.head.headerFields)
        guard AcceptEncoding(fields).prefersGzip, let compressed = await compressed(body) else {
            return response
        }
        response.body = .bytes(compressed)
        response.head.headerFields[.contentEncoding] = "gzip"
        return response
    }

    /// The compressed form; nil where it is no shorter, or too many are being made.
    private func compressed(_ body: [UInt8]) async -> [UInt8]? {
        let count = running.wrappingAdd(1, ordering: .relaxed).newValue
        defer { running.wrappingSubtract(1, ordering: .relaxed) }
        guard count <= Self.maxRunning, let deflater = GzipDeflater() else { return nil }
        var output: [UInt8] = []
        var start = 0
        while start < body.count {
            let end = min(start + Self.pieceByteCount, body.count)
            deflater.append(Array(body[start..<end]), isLast: end == body.count, to: &output)
            guard output.count < body.count else { return nil }
            start = end
            await Task.yield()
        }
        return output
    }

    private static func isCompressible(_ head: HTTPResponse) -> Bool {
        let fields = head.headerFields
        guard fields[.contentEncoding] == nil, fields[.eTag] == nil,
            ![204, 206, 304].contains(head.status.code)
        else { return false }
        let type = (fields[.contentType] ?? "").prefix { $0 != ";" && $0 != " " }
            .asciiLowercased()
        return type.hasPrefix("text/") || type.hasSuffix("+json")
            || ["application/json", "application/yaml", "application/x-ndjson"].contains(type)
    }

    private static func addVary(to fields: inout HTTPFields) {
        let known = fields[.vary]
        if known == "*" { return }
        fields[.vary] = (known.map { $0 + ", " } ?? "") + "Accept-Encoding"
    }
}
