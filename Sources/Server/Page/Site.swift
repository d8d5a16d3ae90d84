// SPDX-License-Identifier: Apache-2.0

import CPage
package import HTTP
package import HTTPTypes
import Synchronization

/// The files of the page, which are in the program.
///
/// Each has two addresses: below ``revision``, which another content would not have, so that browsers
/// keep it for ever; and without it, where they ask each time whether it has changed.
package final class Site: Sendable {
    /// The page of this program.
    package static let embedded = Site()

    /// A file as it is sent.
    private struct Prepared {
        let tag: String
        let bytes: [UInt8]
        /// The same as gzip; nil where that is no shorter.
        let compressed: [UInt8]?
    }

    /// What all files together are: 16 hexadecimal digits.
    package let revision: String

    private let places: [String: Int]
    private let prepared = Mutex<[String: Prepared]>([:])

    private init() {
        var count = 0
        let files = unsafe cp_files(&count)
        var places: [String: Int] = [:]
        var digests: [UInt8] = []
        for index in 0..<count {
            let file = unsafe files?[index]
            guard let path = unsafe file?.path.map({ unsafe String(cString: $0) }) else { continue }
            places[path] = index
            let digest = unsafe cp_digest(file?.bytes, file?.count ?? 0)
            digests += (0..<8).map { UInt8(truncatingIfNeeded: digest >> (8 * $0)) }
        }
        self.places = places
        revision = Self.digest(digests)
    }

    /// The paths of all files, sorted.
    package var paths: [String] { places.keys.sorted() }

    /// The answer to a request for a file.
    ///
    /// - Parameters:
    ///   - address: the path below `/page/`, with or without the revision.
    ///   - fields: those of the request.
    ///   - policy: what the page may do.
    /// - Returns: the file, or 304 if the client has it; nil if there is no such file.
    package func response(
        to address: String, fields: HTTPFields, policy: PagePolicy
    ) -> ServerResponse? {
        let prefix = revision + "/"
        let isRevised = address.hasPrefix(prefix)
        let path = isRevised ? String(address.dropFirst(prefix.count)) : address
        guard let file = file(path) else { return nil }
        // The first file of all says which revision it is, so it must not be kept itself.
        return Self.response(
            file, path: path, isLasting: isRevised && path != Self.index, fields: fields,
            policy: policy)
    }

    /// The answer to a browser that opens the page.
    package func front(fields: HTTPFields, policy: PagePolicy) -> ServerResponse? {
        file(Self.index).map {
            Self.response(
                $0, path: Self.index, isLasting: false, fields: fields, policy: policy)
        }
    }

    private static let index = "index.html"

    // MARK: Files

    private func file(_ path: String) -> Prepared? {
        guard let index = places[path] else { return nil }
        if let known = prepared.withLock({ $0[path] }) { return known }
        var bytes = Self.bytes(at: index)
        if path == Self.index { bytes = revised(bytes) }
        let made = Prepared(
            tag: Self.digest(bytes), bytes: bytes, compressed: Self.compressed(bytes, path))
        prepared.withLock { $0[path] = made }
        return made
    }

    private static func bytes(at index: Int) -> [UInt8] {
        var count = 0
        let files = unsafe cp_files(&count)
        guard index < count, let file = unsafe files?[index] else { return [] }
        return unsafe Array(UnsafeBufferPointer(start: file.bytes, count: file.count))
    }

    /// The first file with the addresses of all others below the revision.
    private func revised(_ bytes: [UInt8]) -> [UInt8] {
        let text = String(decoding: bytes, as: UTF8.self)
        return Array(
            text.replacing("=\"page/", with: "=\"page/\(revision)/")
                .replacing("=\"/page/", with: "=\"/page/\(revision)/").utf8)
    }

    private static func compressed(_ bytes: [UInt8], _ path: String) -> [UInt8]? {
        guard !path.hasSuffix(".woff2"), !path.hasSuffix(".png"), let deflater = GzipDeflater()
        else { return nil }
        var output: [UInt8] = []
        deflater.append(bytes, .end, to: &output)
        return output.count < bytes.count ? output : nil
    }

    private static func digest(_ bytes: [UInt8]) -> String {
        let number = unsafe bytes.withUnsafeBufferPointer {
            unsafe cp_digest($0.baseAddress, $0.count)
        }
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    // MARK: Responses

    private static func response(
        _ file: Prepared, path: String, isLasting: Bool, fields: HTTPFields, policy: PagePolicy
    ) -> ServerResponse {
        let compressed = AcceptEncoding(fields).prefersGzip ? file.compressed : nil
        // Two forms of a content are two, to whoever compares them byte by byte.
        let tag = "\"\(file.tag)\(compressed == nil ? "" : "-gzip")\""
        var response = ServerResponse(
            status: .ok, contentType: type(of: path), body: compressed ?? file.bytes)
        if compressed != nil { response.head.headerFields[.contentEncoding] = "gzip" }
        if matches(tag, fields) {
            response.head.status = .notModified
            response.body = .bytes([])
        }
        response.head.headerFields[.eTag] = tag
        response.head.headerFields[.cacheControl] =
            isLasting ? "public, max-age=31536000, immutable" : "no-cache"
        response.head.headerFields[.vary] =
            path == index ? "Accept, Accept-Encoding" : "Accept-Encoding"
        for (name, value) in policy.fields {
            if let name = HTTPField.Name(name) { response.head.headerFields[name] = value }
        }
        return response
    }

    /// Whether the client has that content already (RFC 9110 §13.1.2).
    private static func matches(_ tag: String, _ fields: HTTPFields) -> Bool {
        fields[values: .ifNoneMatch].flatMap { $0.split(separator: ",") }.contains { element in
            var element = element
            while element.first == " " || element.first == "\t" { element.removeFirst() }
            while element.last == " " || element.last == "\t" { element.removeLast() }
            return element == "*" || element == tag || element == "W/" + tag
        }
    }

    private static func type(of path: String) -> String {
        switch path.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        case "json": "application/json"
        case "svg": "image/svg+xml"
        case "png": "image/png"
        case "woff2": "font/woff2"
        case "md": "text/markdown; charset=utf-8"
        default: "text/plain; charset=utf-8"
        }
    }
}
