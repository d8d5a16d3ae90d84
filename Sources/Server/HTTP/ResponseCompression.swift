// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Synchronization

/// Compresses answers of text for clients that accept it.
///
/// Answers that are produced while they are sent, such as streams of events, are compressed where the
/// operator wants that: each piece then ends with what lets a client read it at once.
final class ResponseCompression: Sendable {
    /// A response as it is sent.
    struct Result {
        var response: ServerResponse
        /// What the pieces of a stream go through.
        var deflater: StreamDeflater?
    }

    /// The compressor of one stream, and its place among those that there may be.
    final class StreamDeflater: Sendable {
        private let deflater: GzipDeflater
        private let compression: ResponseCompression

        fileprivate init?(_ compression: ResponseCompression) {
            guard let deflater = GzipDeflater(.near) else { return nil }
            self.deflater = deflater
            self.compression = compression
        }

        deinit { compression.streaming.wrappingSubtract(1, ordering: .relaxed) }

        /// What the next bytes of the stream become; one task at a time calls this.
        func compressed(_ bytes: [UInt8], isLast: Bool = false) -> [UInt8] {
            var output: [UInt8] = []
            deflater.append(bytes, isLast ? .end : .pause, to: &output)
            return output
        }
    }

    /// What fits into one packet gains nothing by being smaller.
    private static let minByteCount = 1_400
    /// How many compressors there are at most; beyond, answers go as they are.
    private static let maxRunning = 16
    /// How many streams are compressed at a time; beyond, they go as they are.
    private static let maxStreaming = 256
    /// After so much the thread serves others, too.
    private static let pieceByteCount = 256 << 10

    private let compressesStreams: Bool
    private let running = Atomic(0)
    private let streaming = Atomic(0)

    /// Compression of whole answers, and of streams where that is wanted.
    init(ofStreams compressesStreams: Bool) { self.compressesStreams = compressesStreams }

    /// The response as it is sent to a client.
    ///
    /// - Parameters:
    ///   - response: the response of a handler.
    ///   - fields: those of the request.
    /// - Returns: the same, or its compressed form; `Vary` says to caches that it has one.
    func applied(to response: ServerResponse, for fields: HTTPFields) async -> Result {
        guard Self.isCompressible(response.head) else { return Result(response: response) }
        var result = Result(response: response)
        switch response.body {
        case .bytes(let body):
            guard body.count >= Self.minByteCount else { return result }
            Self.addVary(to: &result.response.head.headerFields)
            guard AcceptEncoding(fields).prefersGzip, let compressed = await compressed(body) else {
                return result
            }
            result.response.body = .bytes(compressed)
        case .stream:
            guard compressesStreams else { return result }
            Self.addVary(to: &result.response.head.headerFields)
            guard AcceptEncoding(fields).prefersGzip, let deflater = streamDeflater() else {
                return result
            }
            result.deflater = deflater
            result.response.streamByteCount = nil
        }
        result.response.head.headerFields[.contentEncoding] = "gzip"
        return result
    }

    private func streamDeflater() -> StreamDeflater? {
        let count = streaming.wrappingAdd(1, ordering: .relaxed).newValue
        if count <= Self.maxStreaming, let deflater = StreamDeflater(self) { return deflater }
        streaming.wrappingSubtract(1, ordering: .relaxed)
        return nil
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
            deflater.append(
                Array(body[start..<end]), end == body.count ? .end : .more, to: &output)
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
