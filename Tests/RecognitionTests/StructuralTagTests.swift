// SPDX-License-Identifier: Apache-2.0

import JSON
import Recognition
import Testing

struct StructuralTagTests {
    private static let schema: JSONValue = [
        "type": "object", "properties": ["a": ["type": "integer"]], "required": ["a"],
        "additionalProperties": false,
    ]

    private static func tag(_ name: String) -> JSONValue {
        [
            "type": "tag", "begin": .string("<f=\(name)>"),
            "content": ["type": "json_schema", "json_schema": schema], "end": "</f>",
        ]
    }

    private func verdict(_ format: JSONValue, _ text: String) throws -> Reading.Verdict {
        try Reading(
            StructuralTag.structure(of: ["type": "structural_tag", "format": format])
        )
        .verdict(text)
    }

    @Test func `the older notation`() throws {
        let reading = try Reading(
            StructuralTag.structure(of: [
                "type": "structural_tag",
                "structures": [
                    ["begin": "<f=x>", "schema": Self.schema, "end": "</f>"],
                    ["begin": "<f=y>", "schema": true, "end": "</f>"],
                ],
                "triggers": ["<f="],
            ]))
        #expect(reading.verdict("no call <f") == .complete)
        #expect(reading.verdict("a <f=x>{\"a\": 1}</f> b <f=y>[true]</f>") == .complete)
        #expect(reading.verdict("a <f=z") == .refused(at: 5))
    }

    @Test func `triggered tags`() throws {
        var format: JSONObject = [
            "type": "triggered_tags", "triggers": ["<f="],
            "tags": [Self.tag("x"), Self.tag("y")], "excludes": ["nope"],
        ]
        let text = "some <f=y>{\"a\": 2}</f>"
        #expect(try verdict(.object(format), "text") == .complete)
        #expect(try verdict(.object(format), "text nope") == .refused(at: 8))
        #expect(try verdict(.object(format), text + " <f=x>{\"a\": 1}</f> end") == .complete)
        format["at_least_one"] = true
        #expect(try verdict(.object(format), "text") == .open)
        #expect(try verdict(.object(format), text) == .complete)
        format["stop_after_first"] = true
        #expect(try verdict(.object(format), text) == .complete)
        #expect(try verdict(.object(format), text + " ") == .refused(at: 22))
    }

    @Test func `tags with a separator`() throws {
        let format: JSONValue = [
            "type": "tags_with_separator", "tags": [Self.tag("x")], "separator": ", ",
        ]
        let call = "<f=x>{\"a\": 1}</f>"
        #expect(try verdict(format, "") == .complete)
        #expect(try verdict(format, "\(call), \(call)") == .complete)
        #expect(try verdict(format, "\(call),\(call)") == .refused(at: 18))
    }

    @Test func `text ends where what follows begins`() throws {
        let format: JSONValue = [
            "type": "sequence",
            "elements": [
                [
                    "type": "tag", "begin": "<think>", "content": ["type": "any_text"],
                    "end": "</think>",
                ],
                ["type": "any_text"],
                [
                    "type": "or",
                    "elements": [
                        ["type": "const_string", "value": "yes."],
                        ["type": "const_string", "value": "no."],
                    ],
                ],
                ["type": "optional", "content": ["type": "regex", "pattern": "[0-9]{2}"]],
            ],
        ]
        #expect(try verdict(format, "<think>a < b</think>well, yes.") == .complete)
        #expect(try verdict(format, "<think>a < b</think>well, no.12") == .complete)
        #expect(try verdict(format, "<think>a < b</think>well, no. ") == .refused(at: 29))
        #expect(try verdict(format, "<think>a < b</think>well") == .open)
    }

    @Test func `text before what is not known is cut anywhere`() throws {
        let format: JSONValue = [
            "type": "sequence",
            "elements": [
                ["type": "any_text", "excludes": ["."], "max_chars": 4],
                ["type": "regex", "pattern": "\\.[0-9]+"],
            ],
        ]
        #expect(try verdict(format, "abcd.12") == .complete)
        #expect(try verdict(format, "abcde") == .refused(at: 4))
        #expect(try verdict(format, "ab..") == .refused(at: 3))
    }

    @Test func `patterns dispatch to formats`() throws {
        let format: JSONValue = [
            "type": "dispatch",
            "rules": [["<a>", ["type": "grammar", "grammar": "root ::= \"x\"+ \"</a>\""]]],
        ]
        #expect(try verdict(format, "t <a>xx</a> u <a>x</a>") == .complete)
        #expect(try verdict(format, "t <a>y") == .refused(at: 5))
    }

    private static let mistakes: [(JSONValue, String)] = [
        (["type": "foo"] as JSONValue, "/format/type"),
        (["type": "const_string"], "/format/value"),
        (
            ["type": "sequence", "elements": [["type": "tag", "begin": "a", "end": "b"]]],
            "/format/elements/0"
        ),
        (
            ["type": "triggered_tags", "triggers": ["<g"], "tags": [tag("x")]],
            "/format/tags/0/begin"
        ),
        (["type": "any_text", "max_tokens": 5], "/format/max_tokens"),
        (["type": "token", "token": "<|x|>"], "/format/token"),
        (["type": "json_schema", "json_schema": true, "style": "minimax_xml"], "/format/style"),
    ]

    @Test(arguments: ["at_least_one", "stop_after_first", "trigger_tokens"])
    func `a member of the wrong type is an error that names it`(member: String) throws {
        var format: JSONObject = [
            "type": "triggered_tags", "triggers": ["<f="], "tags": [Self.tag("x")],
        ]
        format[member] = 1
        let tag: JSONValue = ["type": "structural_tag", "format": .object(format)]
        let error = #expect(throws: RecognitionError.self) { try StructuralTag.structure(of: tag) }
        #expect(error?.place.hasSuffix("/" + member) == true)
    }

    @Test(arguments: mistakes)
    func `errors name their pointer`(format: JSONValue, pointer: String) {
        let error = #expect(throws: RecognitionError.self) { try verdict(format, "") }
        #expect(error?.place == pointer)
    }
}
