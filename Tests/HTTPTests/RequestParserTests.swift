// SPDX-License-Identifier: Apache-2.0

import HTTP
import HTTPTypes
import Testing

struct RequestParserTests {
    @Test func `a request gives method, target, authority, fields and body`() throws {
        let messages = try parse(
            "POST /v1/chat?x=1 HTTP/1.1\r\nHost: a:80\r\nX-One:  1 \t\r\nX-One: 2\r\n"
                + "Content-Length: 3\r\n\r\nabc")
        let message = try #require(messages.first)
        #expect(messages.count == 1)
        #expect(message.head.request.method == .post)
        #expect(message.head.request.path == "/v1/chat?x=1")
        #expect(message.head.request.authority == "a:80")
        #expect(message.head.request.headerFields.map(\.value) == ["1", "2", "3"])
        #expect(message.head.version == .http11)
        #expect(message.head.framing == .length(3))
        #expect(message.head.keepsAlive)
        #expect(message.body == "abc")
    }

    @Test(arguments: [
        ("GET / HTTP/1.0\r\n\r\n", "/", false),
        ("GET /a%20b HTTP/1.1\r\nHost:\r\n\r\n", "/a%20b", true),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "/", true),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, close\r\n\r\n", "/", false),
        ("GET http://b:1/p?q HTTP/1.1\r\nHost: a\r\n\r\n", "/p?q", true),
        ("GET HTTP://b HTTP/1.1\r\nHost: a\r\n\r\n", "/", true),
        ("GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n", "/?q", true),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: CLOSE\r\n\r\n", "/", false),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: clo\u{17F}e\r\n\r\n", "/", true),
        ("GET / HTTP/1.0\r\nConnection: \u{212A}eep-alive\r\n\r\n", "/", false),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "*", true),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "/", true),
        ("GET / HTTP/1.9\r\nHost: a\r\n\r\n", "/", true),
        ("M-SEARCH /x HTTP/1.1\r\nhost: a\r\nX: \u{e9}\r\n\r\n", "/x", true),
    ])
    func `accepts every form of target and version`(
        text: String, path: String, keepsAlive: Bool
    ) throws {
        let head = try #require(try parse(text).first).head
        #expect(head.request.path == path)
        #expect(head.keepsAlive == keepsAlive)
    }

    @Test func `an absolute target overrides Host`() throws {
        let head = try #require(
            try parse("GET http://b:1/ HTTP/1.1\r\nHost: a\r\n\r\n").first
        ).head
        #expect(head.request.authority == "b:1")
    }

    @Test(arguments: [
        "GET\r\n\r\n", "GET /\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n", " GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1 \r\n\r\n", "GET / http/1.1\r\n\r\n", "GET / HTTP/1\r\n\r\n",
        "GET / HTTP/11\r\n\r\n", "GET / HTTP/1.1x\r\n\r\n", "G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET a HTTP/1.1\r\nHost: a\r\n\r\n", "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /#f HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n X: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "GET / HTTP/1.1\r\nHost\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX\u{e9}: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\u{7f}\r\n\r\n", "\u{16}\u{3}\u{1}",
        "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ])
    func `refuses malformed requests`(text: String) { #expect(status(of: text) == 400) }

    @Test(arguments: [
        ("Content-Length: 1\r\nContent-Length: 1", 400),
        ("Content-Length: 1\r\nContent-Length: 2", 400), ("Content-Length: 1, 1", 400),
        ("Content-Length: +1", 400), ("Content-Length: -1", 400), ("Content-Length: 0x1", 400),
        ("Content-Length:", 400), ("Content-Length: 1 1", 400),
        ("Content-Length: 99999999999999999999", 413), ("Content-Length: 1000000000", 413),
        ("Content-Length: 1\r\nTransfer-Encoding: chunked", 400),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
        ("Transfer-Encoding: chunked, chunked", 400), ("Transfer-Encoding: gzip", 501),
        ("Transfer-Encoding: gzip, chunked", 501), ("Transfer-Encoding: chunked, gzip", 501),
        ("Transfer-Encoding: identity", 501), ("Transfer-Encoding:", 501),
        ("Transfer-Encoding: xchunked", 501),
        ("Transfer-Encoding: , chunked", 501), ("Transfer-Encoding: chunked;q=1", 501),
        ("Transfer-Encoding: \u{b}chunked", 400), ("Transfer-Encoding: chun\u{212A}ed", 501),
        ("Transfer-Encoding: CHUN\u{212A}ED", 501), ("Expect: 100-cont\u{130}nue", 417),
        ("Content-Encoding: \u{FF47}zip", 415), ("Content-Encoding: gz\u{131}p", 415),
        ("Expect: 200-ok", 417), ("Content-Encoding: br", 415),
        ("Content-Encoding: gzip, gzip", 415),
    ])
    func `refuses framing that two parsers could read differently`(fields: String, code: Int) {
        #expect(status(of: "POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n") == code)
    }

    @Test func `versions and methods we do not have are told apart`() {
        #expect(status(of: "GET / HTTP/2.0\r\nHost: a\r\n\r\n") == 505)
        #expect(status(of: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == 505)
        #expect(status(of: "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n") == 501)
        #expect(status(of: "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == 400)
    }

    @Test func `chunks are joined, extensions and trailers dropped`() throws {
        let messages = try parse(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
                + "3\r\nabc\r\nA;x=\"y\";z\r\n0123456789\r\n0 ; last\r\nX-Sum: 1\r\n\r\n"
                + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(messages.map(\.body) == ["abc0123456789", ""])
        #expect(messages.map(\.head.request.path) == ["/", "/next"])
        #expect(messages[0].head.request.headerFields.count == 1)
    }

    @Test(arguments: [
        "\r\n", "x\r\n", "-1\r\n", "+1\r\n", "0x1\r\n", "1 2\r\nab", "1\nab", "3\r\nabcd\r\n",
        "3\r\nabc\n", "1;\u{0}\r\na\r\n", "11111111111111111\r\n", "0\r\nX\r\n\r\n",
        "0\r\n X: y\r\n\r\n", "3\r\nabc\rX", "1;" + String(repeating: "e", count: 2_000),
    ])
    func `refuses malformed chunks`(body: String) {
        #expect(
            status(of: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
                == 400)
    }

    @Test func `every limit has its status`() throws {
        let limits = RequestParser.Limits(
            maxRequestLineBytes: 30, maxHeaderBytes: 60, maxHeaderCount: 3, maxBodyBytes: 10)
        let long = String(repeating: "a", count: 100)
        #expect(status(of: "GET /\(long)", limits) == 414)
        #expect(status(of: "GET /\(long) HTTP/1.1\r\n", limits) == 414)
        #expect(status(of: "GET / HTTP/1.1\r\nX: \(long)", limits) == 431)
        #expect(
            status(
                of: "GET / HTTP/1.1\r\nA: \(long.prefix(40))\r\nB: \(long.prefix(40))\r\n", limits)
                == 431)
        #expect(status(of: "GET / HTTP/1.1\r\na:\r\nb:\r\nc:\r\nd:\r\n", limits) == 431)
        let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        let post = "POST / HTTP/1.1\r\nHost: a\r\n"
        #expect(status(of: post + "Content-Length: 11\r\n\r\n", limits) == 413)
        #expect(try parse(post + "Content-Length: 10\r\n\r\n0123456789", limits).count == 1)
        #expect(status(of: chunked + "8\r\n01234567\r\n3\r\n", limits) == 413)
        #expect(status(of: chunked + "FFFFFFFFFFFFFFF\r\n", limits) == 413)
        #expect(status(of: chunked + "0\r\na:\r\nb:\r\nc:\r\nd:\r\n", limits) == 431)
        let extended = String(repeating: "1;eeeeeeeeeeeeeeeeeeee\r\nx\r\n", count: 5)
        #expect(status(of: chunked + extended, limits) == 400)
    }

    @Test func `a request cut at every byte reads the same`() throws {
        let text = [UInt8](
            ("\r\nPOST /a?b HTTP/1.1\r\nHost: h\r\nX: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "4;e\r\nwxyz\r\n1\r\n!\r\n0\r\nT: 1\r\n\r\n"
                + "PUT /c HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
                + "GET / HTTP/1.0\r\n\r\n").utf8)
        let whole = try parse([text])
        #expect(whole.count == 3)
        #expect(try parse(text.map { [$0] }) == whole)
        for cut in 0...text.count {
            #expect(try parse([Array(text[..<cut]), Array(text[cut...])]) == whole)
        }
    }

    @Test(arguments: 0..<8)
    func `mutated requests never trap, and read the same however cut`(seed: UInt64) {
        var random = SplitMix64(state: seed)
        let seeds = [
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nT: 1\r\n\r\n",
            "GET http://h/p HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n\r\n",
        ]
        for _ in 0..<500 {
            var bytes = Array(seeds[Int(random.next() % 3)].utf8)
            for _ in 0...(random.next() % 3) {
                let index = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 4 {
                case 0: bytes[index] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: index)
                case 2: bytes.insert(bytes[Int(random.next() % UInt64(bytes.count))], at: index)
                default: bytes.insert(contentsOf: bytes[index...], at: index)
                }
            }
            let whole = Result { try parse([bytes]) }
            let pieces = Result { try parse(bytes.map { [$0] }) }
            switch (whole, pieces) {
            case (.success(let left), .success(let right)): #expect(left == right)
            case (.failure(let left), .failure(let right)):
                #expect(left as? RequestError == right as? RequestError)
            default: Issue.record("\(whole) but in pieces \(pieces)")
            }
        }
    }

    @Test func `pending input is told from stray line ends`() throws {
        var parser = RequestParser()
        #expect(!parser.isWithinRequest)
        parser.append(Array("\r\n".utf8))
        #expect(!parser.hasPendingInput)
        parser.append(Array("G".utf8))
        #expect(parser.hasPendingInput)
        #expect(try parser.next() == nil)
        #expect(parser.isWithinRequest)
    }
}

private struct Message: Equatable {
    let head: RequestHead
    var body = ""
}

private func parse(
    _ pieces: [[UInt8]], _ limits: RequestParser.Limits = .init()
) throws(RequestError) -> [Message] {
    var parser = RequestParser(limits: limits)
    var messages: [Message] = []
    var current: Message?
    for piece in pieces {
        parser.append(piece)
        while let event = try parser.next() {
            switch event {
            case .head(let head): current = Message(head: head)
            case .body(let bytes): current?.body += String(decoding: bytes, as: UTF8.self)
            case .end: messages.append(contentsOf: [current.take()].compactMap { $0 })
            }
        }
    }
    return messages
}

private func parse(
    _ text: String, _ limits: RequestParser.Limits = .init()
) throws(RequestError) -> [Message] { try parse([Array(text.utf8)], limits) }

private func status(of text: String, _ limits: RequestParser.Limits = .init()) -> Int {
    do throws(RequestError) {
        _ = try parse(text, limits)
        return 200
    } catch {
        return error.status.code
    }
}

/// Steele, Lea and Flood 2014: the same numbers on every machine.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
