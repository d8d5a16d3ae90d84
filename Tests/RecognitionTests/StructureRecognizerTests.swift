// SPDX-License-Identifier: Apache-2.0

import JSON
import Recognition
import Testing

struct StructureRecognizerTests {
    @Test func `a literal is read byte by byte and ends where it ends`() throws {
        let reading = try Reading(.literal("né"))
        #expect(reading.verdict("né") == .complete)
        #expect(reading.verdict("n") == .open)
        #expect(reading.verdict("ne") == .refused(at: 1))
        #expect(reading.verdict("néa") == .refused(at: 3))
    }

    @Test func `an empty structure is the empty text`() throws {
        #expect(try Reading(.sequence([])).verdict("") == .complete)
        #expect(try Reading(.literal("")).verdict("") == .complete)
        #expect(throws: RecognitionError.self) { try Reading(.choice([])) }
    }

    @Test func `thousands of literals that begin alike are one of them`() throws {
        let names = (0..<5000).map { "name_\($0)" }
        let reading = try Reading(
            .sequence([.choice(names.map { .literal($0) }), .literal(".")]))
        #expect(reading.verdict("name_4999.") == .complete)
        #expect(reading.verdict("name_49.") == .complete)
        #expect(reading.verdict("name_5000") == .refused(at: 8))
    }

    @Test(arguments: [(0, 3), (2, 5), (7, 7), (0, 100_000), (1030, 1031), (20, 1300)])
    func `a repetition counts exactly`(least: Int, most: Int) throws {
        for part in [Structure.literal("a"), .choice([.literal("ab"), .literal("xyzuv")])] {
            let reading = try Reading(.repetition(part, least: least, most: most))
            let text = part == .literal("a") ? "a" : "ab"
            for count in [0, 1, least - 1, least, least + 1, most - 1, most]
            where 0 <= count && count <= most {
                guard count < 1500 else { continue }
                let verdict = reading.verdict(String(repeating: text, count: count))
                #expect(verdict == (count < least ? .open : .complete))
            }
            guard most < 1500 else { continue }
            let long = reading.verdict(String(repeating: text, count: most + 1))
            #expect(long == .refused(at: most * text.utf8.count))
        }
    }

    @Test func `an unbounded repetition comes back to the same state`() throws {
        let recognizer = try StructureRecognizer(
            .repetition(.choice([.literal("ab"), .literal("c")]), least: 0, most: nil))
        let text = RecognizedText()
        var state = recognizer.start
        for byte in "abcab".utf8 { state = recognizer.advance(state, by: byte, after: text) }
        let bytes = recognizer.byteCount
        for _ in 0..<1000 {
            for byte in "cabab".utf8 { state = recognizer.advance(state, by: byte, after: text) }
        }
        #expect(recognizer.byteCount < bytes + 2000)
    }

    @Test func `repetitions of nothing end`() throws {
        let nothing = Structure.repetition(.literal(""), least: 0, most: nil)
        let reading = try Reading(
            .sequence([.repetition(nothing, least: 3, most: nil), .literal("x")]))
        #expect(reading.verdict("x") == .complete)
        #expect(reading.verdict("xx") == .refused(at: 1))
    }

    @Test func `random structures accept what they spell and nothing else`() throws {
        var random = SplitMix(seed: 7)
        for _ in 0..<300 {
            let structure = random.structure(depth: 4)
            let spelled = Spelling.texts(of: structure, upTo: 6)
            guard let reading = try? Reading(structure) else {
                #expect(spelled.isEmpty)
                continue
            }
            for text in Spelling.all(upTo: 6) {
                let verdict = reading.verdict(text)
                #expect((verdict == .complete) == spelled.contains(text), "\(structure) \(text)")
                guard text.count < 4, spelled.contains(where: { $0.hasPrefix(text) }) else {
                    continue
                }
                #expect(verdict != .refused(at: text.utf8.count - 1), "\(structure) \(text)")
            }
        }
    }

    // MARK: Free text and control tokens

    @Test func `free text ends where a trigger begins`() throws {
        let reading = try Reading(
            .sequence([
                .freeText(until: ["<tool>", "[end]"], orControls: []),
                .choice([.literal("<tool>now"), .literal("[end]")]),
            ]))
        #expect(reading.verdict("some <text> <to <tool>now") == .complete)
        #expect(reading.verdict("some [end") == .open)
        #expect(reading.verdict("some [end]") == .complete)
        #expect(reading.verdict("<tool>nix") == .refused(at: 7))
        #expect(reading.verdict("<<tool>now") == .complete)
    }

    @Test func `free text that nothing has to follow may end anywhere`() throws {
        let call = Structure.sequence([
            .literal("<call>"), .choice([.literal("a"), .literal("b")]), .literal("</call>"),
        ])
        let free = Structure.freeText(until: ["<call>"], orControls: [])
        let reading = try Reading(
            .sequence([free, .repetition(.sequence([call, free]), least: 0, most: nil)]))
        #expect(reading.verdict("") == .complete)
        #expect(reading.verdict("text <cal") == .complete)
        #expect(reading.verdict("text <call>") == .open)
        #expect(reading.verdict("text <call>a</call> and <call>b</call>.") == .complete)
        #expect(reading.verdict("text <call>c") == .refused(at: 11))
    }

    @Test func `a trigger that ends within another one leads to what begins with either`() throws {
        let reading = try Reading(
            .sequence([
                .freeText(until: ["abc", "b"], orControls: []),
                .choice([.literal("abc"), .literal("bx")]),
            ]))
        #expect(reading.verdict("zabx") == .complete)
        #expect(reading.verdict("zbx") == .complete)
        #expect(reading.verdict("zby") == .refused(at: 2))
    }

    @Test func `control tokens stand where they may and nowhere else`() throws {
        let recognizer = try StructureRecognizer(
            .sequence([
                .freeText(until: [], orControls: [7]), .control(7),
                .choice([.literal("yes"), .sequence([.control(8), .literal("no")])]),
            ]))
        let text = RecognizedText()
        var state = recognizer.start
        #expect(recognizer.controls(at: state, after: text) == [7])
        state = recognizer.advance(state, by: 65, after: text)
        #expect(recognizer.controls(at: state, after: text) == [7])
        #expect(!recognizer.canEnd(state, after: text))
        #expect(recognizer.advance(state, byControl: 8, after: text).isDead)
        state = recognizer.advance(state, byControl: 7, after: text)
        #expect(recognizer.controls(at: state, after: text) == [8])
        #expect(!recognizer.advance(state, by: UInt8(ascii: "y"), after: text).isDead)
        #expect(recognizer.advance(state, by: UInt8(ascii: "n"), after: text).isDead)
        state = recognizer.advance(state, byControl: 8, after: text)
        #expect(!recognizer.advance(state, by: UInt8(ascii: "n"), after: text).isDead)
    }

    @Test func `a scanner of free text says what the states say`() throws {
        let recognizer = try StructureRecognizer(
            .sequence([
                .freeText(until: ["<call>"], orControls: []), .literal("<call>x"),
            ]))
        let text = RecognizedText()
        let start = recognizer.start
        var scanner = recognizer.scanner(of: start)
        #expect(scanner >= 0)
        var state = start
        for byte in "text <<call".utf8 {
            scanner = recognizer.scan(scanner, by: byte)
            state = recognizer.advance(state, by: byte, after: text)
            #expect(scanner == recognizer.scanner(of: state))
            #expect(scanner >= 0)
        }
        let exit = -2 - recognizer.scan(scanner, by: UInt8(ascii: ">"))
        #expect(exit >= 0)
        let left = recognizer.leave(start, by: exit, after: text)
        #expect(left == recognizer.advance(state, by: UInt8(ascii: ">"), after: text))
        #expect(!recognizer.advance(left, by: UInt8(ascii: "x"), after: text).isDead)
    }

    @Test func `states that are forgotten are made again`() throws {
        let recognizer = try StructureRecognizer(.literal("abc"))
        let text = RecognizedText()
        _ = recognizer.advance(recognizer.start, by: 97, after: text)
        recognizer.forgetStates()
        let state = recognizer.advance(recognizer.start, by: 97, after: text)
        #expect(!recognizer.advance(state, by: 98, after: text).isDead)
    }

    @Test func `a structure that nests too deeply is an error`() {
        var structure = Structure.literal("x")
        for _ in 0..<2000 { structure = .sequence([structure]) }
        #expect(throws: RecognitionError.self) { try StructureRecognizer(structure) }
    }

    // MARK: Schemas

    @Test func `schemas stand in structures, at any place of the text`() throws {
        let schema: JSONValue = [
            "type": "object", "properties": ["a": ["type": "integer"]], "required": ["a"],
            "additionalProperties": false,
        ]
        let reading = try Reading(
            .sequence([
                .freeText(until: ["<f>"], orControls: []),
                .repetition(
                    .sequence([
                        .literal("<f>"), .schema(schema), .literal("</f>"),
                        .freeText(until: ["<f>"], orControls: []),
                    ]), least: 1, most: nil),
            ]))
        #expect(reading.verdict("so: <f>{\"a\": 12}</f> and <f>{\"a\": -3}</f>.") == .complete)
        #expect(reading.verdict("<f>{\"a\": 1.5") == .refused(at: 10))
        #expect(reading.verdict("<f>{}") == .refused(at: 4))
        #expect(reading.verdict("<f>{\"a\": 1}}") == .refused(at: 11))
    }

    @Test func `what is checked when a value closes is checked within a longer text`() throws {
        let schema: JSONValue = [
            "type": "array", "items": ["type": "integer"], "uniqueItems": true, "minItems": 2,
        ]
        let recognizer = try StructureRecognizer(
            .sequence([
                .freeText(until: ["["], orControls: []), .schema(schema), .literal(" or "),
                .schema(schema),
            ]))
        let reading = Reading(recognizer)
        #expect(reading.verdict("é [1, 2] or [2, 1]") == .complete)
        #expect(reading.verdict("[1, 1]") == .refused(at: 5))
        #expect(reading.verdict("[1, 2] or [2, 2]") == .refused(at: 15))
    }

    @Test func `either of two schemas may be read`() throws {
        let reading = try Reading(
            .choice([
                .schema(["type": "array", "items": ["type": "string"]]),
                .schema(["type": "array", "items": ["type": "integer"]]), .literal("[]!"),
            ]))
        #expect(reading.verdict("[]") == .complete)
        #expect(reading.verdict("[]!") == .complete)
        #expect(reading.verdict("[1, 2]") == .complete)
        #expect(reading.verdict("[\"a\", \"b\"]") == .complete)
        #expect(reading.verdict("[1, \"b\"]") == .refused(at: 4))
    }

    @Test func `scanners of schemas and expressions say what the states say`() throws {
        for (structure, sample) in [
            (
                Structure.sequence([
                    .literal("x"), .schema(["type": "string"]), .literal("y"),
                ]), "x\"text \\n and more\"y"
            ),
            (.sequence([.expression("[a-f]+"), .literal("!")]), "abc!"),
        ] {
            let recognizer = try StructureRecognizer(structure)
            let text = RecognizedText()
            var state = recognizer.start
            for (index, byte) in sample.utf8.enumerated() {
                let scanner = recognizer.scanner(of: state)
                let next = recognizer.advance(state, by: byte, after: text)
                text.append(byte)
                if scanner >= 0 {
                    let scanned = recognizer.scan(scanner, by: byte)
                    if scanned >= 0 {
                        #expect(scanned == recognizer.scanner(of: next), "\(index)")
                    } else if scanned < -1 {
                        #expect(recognizer.leave(state, by: -2 - scanned, after: text) == next)
                    } else {
                        let left = recognizer.leave(
                            state, by: recognizer.exit(of: scanner), after: text)
                        #expect(recognizer.advance(left, by: byte, after: text) == next)
                    }
                }
                state = next
            }
            #expect(recognizer.canEnd(state, after: text))
        }
    }

    // MARK: Strings without or within quotation marks

    @Test func `strings stand unquoted before a mark`() throws {
        let schema: JSONValue = [
            "type": ["string", "null"], "minLength": 2,
            "anyOf": [["pattern": "^[a-z<]+$"], ["enum": ["A\nB", 5]]],
            "not": ["const": "no"],
        ]
        let reading = try Reading(
            .sequence([
                .literal("<p>\n"), .unquoted(schema: schema, without: ["</p>"]),
                .literal("\n</p>"),
            ]))
        #expect(reading.verdict("<p>\nab<c\n</p>") == .complete)
        #expect(reading.verdict("<p>\nA\nB\n</p>") == .complete)
        #expect(reading.verdict("<p>\nno\n") == .refused(at: 6))
        #expect(reading.verdict("<p>\na\n") == .refused(at: 5))
        #expect(reading.verdict("<p>\nA\nC") == .refused(at: 6))
        let any = try Reading(
            .sequence([
                .unquoted(schema: ["type": "string"], without: ["</p>"]), .literal("\n</p>!"),
            ]))
        #expect(any.verdict("é \n\n</p</b>\n</p>!") == .complete)
        #expect(any.verdict("é</p>") == .refused(at: 5))
        #expect(any.verdict("é\n</p>?") == .refused(at: 7))
    }

    @Test func `texts of a grammar stand within a JSON string`() throws {
        let grammar = #"root ::= ("\"" | "\\" | "é" | "\n" | "\x01" | "\x1f" | [a-c])+ ";""#
        let reading = try Reading(
            .sequence([.literal("\""), .escaped(.grammar(grammar)), .literal("\"")]))
        #expect(reading.verdict(#""a\"\\é\n\u0001\u001f;""#) == .complete)
        #expect(reading.verdict(#""a\t"#) == .refused(at: 3))
        #expect(reading.verdict(#""a\u0002"#) == .refused(at: 7))
        #expect(reading.verdict(#""a\u000a"#) == .refused(at: 7))
        #expect(reading.verdict(#""a""#) == .refused(at: 2))
        #expect(reading.verdict(#""a;\"#) == .refused(at: 3))
        #expect(throws: RecognitionError.self) {
            try StructureRecognizer(.escaped(.schema(true)))
        }
    }
}
