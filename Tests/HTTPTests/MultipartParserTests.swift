// SPDX-License-Identifier: Apache-2.0

import HTTP
import Testing

@Suite struct MultipartParserTests {
    private static let type = "multipart/form-data; boundary=xYz"

    private static func part(_ header: String, _ content: String) -> String {
        "--xYz\r\n\(header)\r\n\r\n\(content)\r\n"
    }

    private static func field(_ name: String, _ content: String) -> String {
        part("Content-Disposition: form-data; name=\"\(name)\"", content)
    }

    /// A form as its parts, each with all of its content.
    private struct Read: Equatable {
        var parts: [MultipartParser.Part] = []
        var contents: [[UInt8]] = []
    }

    private static func read(
        _ body: [UInt8], in pieces: Int = .max, type: String = type
    ) throws(MultipartError) -> Read {
        var parser = try MultipartParser(contentType: type)
        var read = Read()
        var rest = body[...]
        while !rest.isEmpty {
            parser.append(Array(rest.prefix(pieces)))
            rest = rest.dropFirst(pieces)
            while let event = try parser.next() {
                switch event {
                case .part(let part):
                    read.parts.append(part)
                    read.contents.append([])
                case .content(let bytes): read.contents[read.contents.count - 1] += bytes
                case .endOfPart, .end: break
                }
            }
        }
        try parser.finish()
        return read
    }

    private static func error(_ body: String, type: String = type) -> MultipartError? {
        do throws(MultipartError) {
            _ = try read(Array(body.utf8), type: type)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [1, 2, 3, 7, 64, 1_000])
    func `a form reads the same however it is cut`(pieces: Int) throws {
        // What begins like a boundary and is none.
        let content = "a\r\n--xY\r\n\r\r\n-\r\n--xyz--\r\n"
        let body =
            Self.field("purpose", "batch") + Self.field("empty", "")
            + Self.part(
                "content-disposition:form-data;name=file ; filename=\"a;\\\"b\\\\c\\d.jsonl\"\r\n"
                    + "Content-Type: application/jsonl", content) + "--xYz--\r\n"
        let read = try Self.read(Array(body.utf8), in: pieces)
        #expect(read.parts.map(\.name) == ["purpose", "empty", "file"])
        #expect(read.parts.map(\.fileName) == [nil, nil, "a;\"b\\c\\d.jsonl"])
        #expect(read.contents == [Array("batch".utf8), [], Array(content.utf8)])
    }

    @Test func `the line's end behind the last boundary may be left out`() throws {
        #expect(try Self.read(Array((Self.field("a", "b") + "--xYz--").utf8)).contents == [[0x62]])
        #expect(try Self.read(Array("--xYz--".utf8)).parts == [])
    }

    @Test func `a name of a file is any text`() throws {
        func name(_ parameters: [UInt8]) throws -> String? {
            let start = Array("--xYz\r\nContent-Disposition: form-data; name=f; ".utf8)
            let read = try Self.read(start + parameters + Array("\r\n\r\n\r\n--xYz--".utf8))
            return read.parts.first?.fileName
        }
        #expect(try name(Array("filename=\"../../etc/passwd\"".utf8)) == "../../etc/passwd")
        #expect(try name(Array("filename=\"é\u{301}\"".utf8)) == "é\u{301}")
        #expect(try name(Array("filename=\"\u{301}\"".utf8)) == "\u{301}")
        #expect(try name(Array("filename=\"".utf8) + [0xFF, 0x00, 0x22]) == "\u{FFFD}\u{0}")
        #expect(try name(Array("filename=\"\"".utf8)) == "")
        #expect(
            try name(Array("filename=\"e\"; filename*=UTF-8''%c3%A9%20x%4".utf8)) == "é x%4")
    }

    @Test(arguments: [
        ("", "it ends before its last boundary"),
        ("--xYz", "it ends before its last boundary"),
        ("preamble\r\n--xYz--", "it does not begin with its boundary"),
        ("--xYz--\r\nepilogue", "something stands behind its last boundary"),
        ("--xYz--\r\n\r\n", "something stands behind its last boundary"),
        ("--xYz \r\n", "a boundary is followed by something else than a line's end"),
        (field("a", "b"), "it ends before its last boundary"),
        (field("a", "b") + "--xYz-", "it ends before its last boundary"),
        (field("", "b"), "a part is no form-data with a name"),
        (
            part("Content-Type: a/b", ""),
            "a part has no Content-Disposition: form-data with a name"
        ),
        (part("Content-Disposition: attachment; name=a", ""), "a part is no form-data with a name"),
        (part("Content-Disposition: form-data", ""), "a part is no form-data with a name"),
        (part("Content-Disposition: form-data; name=a; name=b", ""), "a parameter is there twice"),
        (part("Content-Disposition: form-data; name=\"a", ""), "a quoted value does not end"),
        (
            part("Content-Disposition: form-data; name=\"a\"b", ""),
            "a quoted value is followed by something else than a semicolon"
        ),
        (part("Content-Disposition: form-data; name", ""), "a parameter has no name or no value"),
        (
            part("Content-Disposition: form-data; name=a; filename*=a", ""),
            "the filename* of a part is not in UTF-8"
        ),
        (
            part(
                "Content-Disposition: form-data; name=a\r\ncontent-disposition: form-data; name=b",
                ""),
            "a part has two Content-Dispositions"
        ),
        (
            part("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64", ""),
            "a part has a Content-Transfer-Encoding, which forms have not"
        ),
        (part("no field", ""), "a line in the header of a part is no field"),
        (
            "--xYz\r\nContent-Disposition: form-data; name=a\n\r\n\r\n",
            "a line in the header of a part ends without CR"
        ),
        (
            part("X: " + String(repeating: "a", count: 9_000), ""),
            "the header of a part is longer than 8192 bytes"
        ),
        (String(repeating: field("a", ""), count: 65), "it has more than 64 parts"),
    ])
    func `what is no form is refused with its reason`(body: String, reason: String) {
        #expect(Self.error(body) == .malformed(reason))
    }

    @Test(arguments: [
        "multipart/form-data", "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=\"\n\"",
        "multipart/form-data; boundary=" + String(repeating: "a", count: 71),
    ])
    func `a type without a boundary is refused`(type: String) {
        #expect(
            Self.error("", type: type)
                == .malformed("its type names no boundary of 1 to 70 characters"))
    }

    @Test func `another type is refused`() {
        #expect(
            Self.error("", type: "Application/JSON; charset=utf-8")
                == .otherType("application/json"))
        #expect(Self.error("", type: "") == .otherType(""))
    }

    @Test func `a boundary may be quoted and have spaces within`() throws {
        let type = "Multipart/Form-Data; charset=utf-8; boundary=\"a b:?\""
        #expect(try Self.read(Array("--a b:?--".utf8), type: type).parts == [])
    }
}
