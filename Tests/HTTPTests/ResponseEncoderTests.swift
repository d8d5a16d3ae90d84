// SPDX-License-Identifier: Apache-2.0

import HTTP
import HTTPTypes
import Testing

struct ResponseEncoderTests {
    @Test(
        arguments: [
            (
                HTTPRequest.Method.get, HTTPVersion.http11, true, "200 OK", Int?.some(5),
                ["Content-Length: 5"]
            ),
            (.get, .http11, true, "200 OK", nil, ["Transfer-Encoding: chunked"]),
            (
                .get, .http11, false, "200 OK", nil,
                ["Transfer-Encoding: chunked", "Connection: close"]
            ),
            (.get, .http10, true, "200 OK", 5, ["Content-Length: 5", "Connection: keep-alive"]),
            (.get, .http10, true, "200 OK", nil, ["Connection: close"]),
            (.head, .http11, true, "200 OK", 5, ["Content-Length: 5"]),
            (.head, .http11, true, "200 OK", 0, ["Content-Length: 0"]),
            (.head, .http11, true, "200 OK", nil, []),
            (.get, .http11, true, "204 No Content", 0, []),
            (.get, .http11, true, "304 Not Modified", 5, []),
            (.get, .http11, true, "200 OK", 0, ["Content-Length: 0"]),
        ] as [(HTTPRequest.Method, HTTPVersion, Bool, String, Int?, [String])])
    func `frames by method, version and status`(
        method: HTTPRequest.Method, version: HTTPVersion, keepsAlive: Bool, status: String,
        byteCount: Int?, expected: [String]
    ) throws {
        let code = try #require(Int(status.prefix(3)))
        let encoder = ResponseEncoder(
            method: method, version: version, keepsAlive: keepsAlive, serverName: nil)
        let head = HTTPResponse(
            status: .init(code: code), headerFields: [.connection: "x", .transferEncoding: "x"])
        let text = String(
            decoding: encoder.encode(head, byteCount: byteCount, date: "D"), as: UTF8.self)
        #expect(
            text
                == (["HTTP/1.1 \(status)", "Date: D"] + expected + ["", ""]).joined(
                    separator: "\r\n"))
    }

    @Test(arguments: [
        (200, "OK"), (400, "Bad Request"), (401, "Unauthorized"), (403, "Forbidden"),
        (404, "Not Found"), (408, "Request Timeout"), (413, "Content Too Large"),
        (415, "Unsupported Media Type"), (422, "Unprocessable Content"),
        (429, "Too Many Requests"), (500, "Internal Server Error"), (501, "Not Implemented"),
        (503, "Service Unavailable"), (504, "Gateway Timeout"), (299, ""),
    ])
    func `the status line says what the code means`(code: Int, phrase: String) {
        let encoder = ResponseEncoder(
            method: .get, version: .http11, keepsAlive: true, serverName: nil)
        let text = String(
            decoding: encoder.encode(
                HTTPResponse(status: .init(code: code)), byteCount: 0, date: "D"), as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 \(code) \(phrase)\r\n"))
    }

    @Test func `fields keep their order and spelling, and HEAD its own length`() {
        let encoder = ResponseEncoder(
            method: .head, version: .http11, keepsAlive: true, serverName: "cierzo")
        let head = HTTPResponse(
            status: .ok, headerFields: [.contentType: "a/b", .contentLength: "7", .date: "mine"])
        let text = String(decoding: encoder.encode(head, byteCount: 0, date: "D"), as: UTF8.self)
        #expect(
            text == "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nDate: mine\r\nServer: cierzo\r\n"
                + "Content-Length: 7\r\n\r\n")
    }

    @Test func `a field's value cannot split the response`() throws {
        let encoder = ResponseEncoder(
            method: .get, version: .http11, keepsAlive: true, serverName: nil)
        let name = try #require(HTTPField.Name("X"))
        let head = HTTPResponse(
            status: .init(code: 200, reasonPhrase: "a\r\nb"), headerFields: [name: "a\r\nB: c"])
        let text = String(decoding: encoder.encode(head, byteCount: 0, date: "D"), as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 200 a  b\r\nX: a  B: c\r\n"))
    }

    @Test func `chunks carry their size in hexadecimal`() {
        #expect(
            ResponseEncoder.chunk([UInt8](repeating: 97, count: 26))
                == Array("1a\r\n\(String(repeating: "a", count: 26))\r\n".utf8))
    }

    @Test(arguments: [
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"), (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
        (1_798_761_599, "Thu, 31 Dec 2026 23:59:59 GMT"),
    ])
    func `dates are IMF-fixdates`(second: Int, text: String) {
        #expect(HTTPDate().text(at: second) == text)
    }

    @Test(
        arguments: [
            ("{}", nil, "data: {}\n\n"), ("", nil, "data: \n\n"),
            ("a\nb\r\nc\rd", nil, "data: a\ndata: b\ndata: c\ndata: d\n\n"),
            ("a\n", "ping", "event: ping\ndata: a\ndata: \n\n"), ("é😀", nil, "data: é😀\n\n"),
            ("\n\r", nil, "data: \ndata: \ndata: \n\n"),
        ] as [(String, String?, String)])
    func `events are encoded line by line`(data: String, event: String?, text: String) {
        #expect(ServerSentEvents.encode(data: data, event: event) == Array(text.utf8))
    }

    @Test func `comments and ids are encoded`() {
        #expect(ServerSentEvents.comment("keep-alive") == Array(": keep-alive\n\n".utf8))
        #expect(ServerSentEvents.comment("a\nb") == Array(": a\n: b\n\n".utf8))
        #expect(ServerSentEvents.encode(data: "x", id: "7") == Array("id: 7\ndata: x\n\n".utf8))
    }
}
