// SPDX-License-Identifier: Apache-2.0

import JSON
import Recognition
import StructuredOutput
import Testing
import cierzo

struct GrammarCheckTests {
    private func answer(_ line: String) -> JSONValue {
        var check = GrammarCheck(ConstraintVocabulary(ByteVocabulary()), style: .any)
        return .object(check.answer(to: Array(line.utf8), number: 7))
    }

    @Test func `texts are accepted, or refused at the byte that does not fit`() throws {
        let answer = answer(
            #"{"id": "x", "regex": "a+b", "instances": ["aab", "aac", "aa", "", "aabb"]}"#)
        #expect(answer["id"] == "x")
        #expect(answer["error"] == .null)
        #expect(try #require(answer["compile_us"]?.doubleValue) > 0)
        let instances = try #require(answer["instances"]?.arrayValue)
        #expect(instances.map { $0["accepted"] } == [true, false, false, false, false])
        #expect(instances.map { $0["at"] } == [3, 2, 2, 0, 3])
        #expect(instances.map { $0["mask_us"]?.arrayValue?.count } == [4, 3, 3, 1, 4])
    }

    @Test func `a choice is one of its texts`() throws {
        let answer = answer(
            #"{"choice": ["red", "redder", "🦙"], "instances": ["red", "redd", "🦙"]}"#)
        let instances = try #require(answer["instances"]?.arrayValue)
        #expect(answer["id"] == .null)
        #expect(instances.map { $0["accepted"] } == [true, false, true])
    }

    @Test(arguments: [
        "nonsense", "", "[1]", "{", "\u{0}", #"{"id": 1, "id": }"#,
        String(repeating: "[", count: 100_000),
    ])
    func `a line that is no question is answered with its number`(line: String) {
        let answer = answer(line)
        #expect(answer["line"] == 7)
        #expect(answer["error"]?["reason"]?.stringValue?.isEmpty == false)
        #expect(answer["instances"] == [])
    }

    @Test(arguments: [
        (#"{"id": 5}"#, ""), (#"{"id": 5, "regex": "a", "choice": ["b"]}"#, ""),
        (#"{"id": 5, "regex": 1}"#, "/regex"), (#"{"id": 5, "choice": ["a", 1]}"#, "/choice/1"),
        (#"{"id": 5, "choice": "a"}"#, "/choice"),
        (#"{"id": 5, "regex": "a", "instances": [[]]}"#, "/instances/0"),
    ])
    func `what a question lacks is said at its place`(line: String, pointer: String) {
        let answer = answer(line)
        #expect(answer["id"] == 5)
        #expect(answer["error"]?["pointer"] == .string(pointer))
    }
}
