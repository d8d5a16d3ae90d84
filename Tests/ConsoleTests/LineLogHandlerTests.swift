// SPDX-License-Identifier: Apache-2.0

import Console
import Foundation
import JSON
import Logging
import Testing

@Suite struct LineLogHandlerTests {
    /// What a log looks like into which something was written.
    private func log(
        as format: LogFormat = .text, for reader: LogReader = LogReader(),
        _ write: (inout Logger) -> Void
    ) throws -> String {
        let path = FileManager.default.temporaryDirectory.path + "/\(UUID().uuidString)"
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        defer {
            close(descriptor)
            unsafe unlink(path)
        }
        let writer = DiagnosticWriter(descriptor: descriptor)
        var logger = Logger(label: "cierzo") {
            LineLogHandler(label: $0, format: format, for: reader, writer: writer)
        }
        logger.logLevel = .trace
        write(&logger)
        #expect(writer.flush(within: .seconds(60)))
        return try String(contentsOfFile: path, encoding: .utf8)
    }

    @Test func `an event is one line, whatever a client put into it`() throws {
        let text = try log { logger in
            logger[metadataKey: "b"] = "1"
            logger.info("two\nlines", metadata: ["a": "x\r\u{1B}[2Jy\u{9B}2Jé"])
        }
        #expect(text.hasSuffix(" info cierzo: a=x  [2Jy 2Jé b=1 [ConsoleTests] two lines\n"))
        #expect(text.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} [^\n]*\n/) != nil)
    }

    @Test func `what is below the level is not written`() throws {
        let text = try log { logger in
            logger.logLevel = .notice
            logger.info("not shown")
            logger.notice("shown")
        }
        #expect(text.split(separator: "\n").count == 1 && text.hasSuffix("shown\n"))
    }

    @Test func `an event is one object of JSON, whatever a client put into it`() throws {
        let text = try log(as: .json) { logger in
            logger[metadataKey: "request"] = "r1"
            logger.warning(
                "two\nlines \"quoted\"",
                metadata: [
                    "level": "mine", "list": ["a", "b"], "map": ["z": "1", "a": "\u{0}"],
                    "count": "\(7)",
                ])
        }
        #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count == 2)
        var event = try #require(try JSONParser.parse(text).objectValue)
        let time = try #require(event["time"]?.stringValue)
        #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
        event["time"] = nil
        #expect(
            event.serialized()
                == #"{"level":"warning","logger":"cierzo","source":"ConsoleTests","#
                + #""message":"two\nlines \"quoted\"","count":"7","metadata.level":"mine","#
                + #""list":["a","b"],"map":{"a":"\u0000","z":"1"},"request":"r1"}"#)
    }

    @Test func `the journal gets the priority of each line, and no time in a text`() throws {
        let text = try log(for: LogReader(isJournal: true)) { logger in
            logger.trace("a")
            logger.debug("b")
            logger.info("c")
            logger.notice("d")
            logger.warning("e")
            logger.error("f")
            logger.critical("g")
        }
        #expect(
            text == """
                <7>trace cierzo: [ConsoleTests] a
                <7>debug cierzo: [ConsoleTests] b
                <6>info cierzo: [ConsoleTests] c
                <5>notice cierzo: [ConsoleTests] d
                <4>warning cierzo: [ConsoleTests] e
                <3>error cierzo: [ConsoleTests] f
                <2>critical cierzo: [ConsoleTests] g

                """)
        let json = try log(as: .json, for: LogReader(isJournal: true)) { $0.error("x") }
        #expect(json.hasPrefix(#"<3>{"time":""#))
    }

    @Test func `a descriptor leads to the journal only where systemd says so of that very one`()
        throws
    {
        let path = FileManager.default.temporaryDirectory.path + "/\(UUID().uuidString)"
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        defer {
            close(descriptor)
            unsafe unlink(path)
        }
        var status = stat()
        try #require(unsafe fstat(descriptor, &status) == 0)
        let stream = "\(status.st_dev):\(status.st_ino)"
        #expect(LogReader.of(descriptor, stream: stream).isJournal)
        #expect(
            !LogReader.of(descriptor, stream: "\(status.st_dev):\(status.st_ino + 1)").isJournal)
        #expect(!LogReader.of(descriptor, stream: "").isJournal)
        #expect(!LogReader.of(descriptor, stream: nil).isJournal)
        #expect(!LogReader.of(1_000_000, stream: stream).isJournal)
    }
}
