// SPDX-License-Identifier: Apache-2.0

import Recognition
import Testing

struct GrammarParserTests {
    // MARK: GBNF

    @Test func `strings and classes of GBNF have escapes`() throws {
        let reading = try Reading(
            .grammar(#"root ::= "\x41\u00e9\U0001d11e\"\\\n" [\]\\^a-c\-] [^\n\u0400-\u04ff] ."#))
        for member in ["]", "\\", "^", "b", "-"] {
            #expect(reading.verdict("Aé𝄞\"\\\n\(member)x\n") == .complete)
        }
        #expect(reading.verdict("Aé𝄞\"\\\n]ж") == .refused(at: 11))
        #expect(reading.verdict("Aé𝄞\"\\\n]é𝄞") == .complete)
    }

    @Test(arguments: [
        ("{2}", 2, 2), ("{2,}", 2, 9), ("{2,4}", 2, 4), ("{0,1}", 0, 1), ("*", 0, 9), ("+", 1, 9),
        ("?", 0, 1), ("{,3}", 0, 3),
    ])
    func `repetitions of GBNF`(bounds: String, least: Int, most: Int) throws {
        let reading = try Reading(.grammar("root ::= (\"a\" | \"b\")\(bounds)"))
        for count in 0...6 {
            let isComplete = reading.verdict(String(repeating: "ab", count: 3).prefix(count) + "")
            #expect((isComplete == .complete) == (least <= count && count <= most))
        }
    }

    @Test func `rules of GBNF go over lines`() throws {
        let reading = try Reading(
            .grammar(
                """
                # a comment
                root ::= # another
                  first-part |
                  second ( "c"
                    | "d" ) # and another
                  "e"

                first-part ::= "a"
                second ::= "b"
                """))
        #expect(reading.verdict("a") == .complete)
        #expect(reading.verdict("bde") == .complete)
        #expect(reading.verdict("ba") == .refused(at: 1))
    }

    @Test(arguments: [
        ("root ::= \"a", "line 1, column 10"), ("root ::= [a", "line 1, column 10"),
        ("root ::= (\"a\"", "line 1, column 14"), ("root ::= \"a\"\nx ::= y", "line 2, column 7"),
        ("root ::= \"\\q\"", "line 1, column 12"), ("root \"a\"\nx ::= \"\"", "line 1, column 6"),
        ("root ::= \"a\" }", "line 1, column 14"), ("root ::= \"a\"{", "line 1, column 14"),
        ("root ::= \"é\" [z-a]", "line 1, column 15"),
        ("root ::= \"a\"\n\nroot ::= \"b\"", "line 3, column 1"),
        ("x ::= \"a\"", ""), ("root ::= []", "line 1, column 1"), ("", ""),
    ])
    func `errors of grammars name line and column`(text: String, place: String) {
        let error = #expect(throws: RecognitionError.self) {
            try StructureRecognizer(.grammar(text))
        }
        #expect(error?.place == place, "\(error?.description ?? "")")
    }

    @Test func `grammars name control tokens`() throws {
        let text = RecognizedText()
        for grammar in [
            "root ::= \"a\" (<[7]> | <|call|>) \"b\"", "start: \"a\" (<[7]> | <|call|>) \"b\"",
        ] {
            let recognizer = try StructureRecognizer(.grammar(grammar), controls: ["<|call|>": 9])
            var state = recognizer.advance(recognizer.start, by: 97, after: text)
            #expect(recognizer.controls(at: state, after: text) == [7, 9])
            state = recognizer.advance(state, byControl: 9, after: text)
            #expect(!recognizer.advance(state, by: 98, after: text).isDead)
            #expect(throws: RecognitionError.self) { try StructureRecognizer(.grammar(grammar)) }
        }
    }

    // MARK: Lark

    @Test func `a calculator in Lark`() throws {
        let reading = try Reading(
            .grammar(
                """
                // The calculator of Lark's tutorial, in other words.
                ?start: sum
                      | NAME "=" sum    -> assign_var
                ?sum: product
                    | sum "+" product   -> add
                    | sum "-" product   -> sub
                ?product: atom
                    | product "*" atom  -> mul
                    | product "/" atom  -> div
                ?atom: NUMBER           -> number
                     | "-" atom         -> neg
                     | NAME             -> var
                     | "(" sum ")"
                %import common.CNAME -> NAME
                %import common.NUMBER
                %import common.WS_INLINE
                %ignore WS_INLINE
                """))
        #expect(reading.verdict(" x1 = 2.5e3 * ( y - -3 )") == .complete)
        #expect(reading.verdict("1 + + 2") == .refused(at: 4))
        #expect(reading.verdict("(1") == .open)
        #expect(reading.verdict("1\n") == .refused(at: 1))
    }

    @Test func `strings, ranges and expressions of Lark`() throws {
        let reading = try Reading(
            .grammar(
                #"""
                start: "select"i " " ("a".."f")~2..3 [X] /a.b/s REST~1 KEY?
                X: /[0-9]+(?!x)/ | "\u00e9"
                REST: /[^\/"]+/i & ~/q+/
                KEY.2: "/" "k"i
                """#))
        #expect(reading.verdict("SeLeCt abc12a\nbzz") == .complete)
        #expect(reading.verdict("select abéa.bq") == .open)
        #expect(reading.verdict("select abéa.bqz/K") == .complete)
        #expect(reading.verdict("select ag") == .refused(at: 8))
    }

    @Test func `templates of Lark`() throws {
        let reading = try Reading(
            .grammar(
                """
                start: "[" _list{pair{KEY, ":"}, ","} "]"
                _list{item, separator}: item (separator item)*
                pair{key, mark}: key mark _list{DIGIT, "."}
                KEY: ("a".."z")+
                %import common (DIGIT, LETTER)
                %ignore " "
                """))
        #expect(reading.verdict("[ab:1.2, c:3 ]") == .complete)
        #expect(reading.verdict("[ab:1,2") == .refused(at: 6))
    }

    @Test func `templates without end are errors`() {
        for body in ["a{b{x, x}}", "a{b{x}}", "a{x} | a{(x x)}"] {
            let error = #expect(throws: RecognitionError.self) {
                try StructureRecognizer(.grammar("start: a{\"c\"}\na{x}: \(body)\nb{x}: x"))
            }
            #expect(error != nil)
        }
    }

    @Test(arguments: [40, 3000])
    func `terminals that name each other too often are errors`(count: Int) {
        var text = "start: A0\n"
        for index in 0..<count { text += "A\(index): A\(index + 1) A\(index + 1)\n" }
        let error = #expect(throws: RecognitionError.self) {
            try StructureRecognizer(.grammar(text + "A\(count): \"a\""))
        }
        #expect(error?.reason.contains("too large") == true)
    }

    @Test func `substrings of llguidance`() throws {
        let reading = try Reading(
            .grammar(
                """
                %llguidance {"no_forcing": true}
                start: "<" %regex {"substring_words": "the quick brown fox"} ">"
                """))
        #expect(reading.verdict("<quick brown>") == .complete)
        #expect(reading.verdict("<>") == .complete)
        #expect(reading.verdict("<quick fox") == .refused(at: 7))
    }

    @Test(arguments: [
        ("start: a", "line 1, column 8"), ("a: \"x\"", ""),
        ("start: A\nA: B\nB: A", "line 3, column 4"),
        ("start: (\"a\"", "line 1, column 12"), ("start: /a", "line 1, column 8"),
        ("start: \"a\" ->", "line 1, column 14"), ("start: x{\"a\"}", "line 1, column 8"),
        ("start: \"a\"\n%foo x", "line 2, column 1"), ("start: /(?<=a)b(/", "line 1, column 8"),
        ("start: \"b\"..\"a\"", "line 1, column 8"), ("start: start", "line 1, column 1"),
        ("start: X\n%import common.NOPE -> X", "line 2, column 9"),
    ])
    func `errors of Lark name line and column`(text: String, place: String) {
        let error = #expect(throws: RecognitionError.self) {
            try StructureRecognizer(.grammar(text))
        }
        #expect(error?.place == place, "\(error?.description ?? "")")
    }

    @Test func `every terminal of common can be imported`() throws {
        let samples = [
            "DIGIT": "7", "HEXDIGIT": "f", "INT": "12", "SIGNED_INT": "-12", "DECIMAL": "1.",
            "FLOAT": "1e5", "SIGNED_FLOAT": "+.5", "NUMBER": "12", "SIGNED_NUMBER": "-1.5",
            "ESCAPED_STRING": "\"a\\\"b\"", "LCASE_LETTER": "a", "UCASE_LETTER": "A",
            "LETTER": "a", "WORD": "abc", "CNAME": "_a1", "WS_INLINE": " \t", "WS": " \n",
            "CR": "\r", "LF": "\n", "NEWLINE": "\r\n\n", "SH_COMMENT": "# x",
            "CPP_COMMENT": "// x", "C_COMMENT": "/* ** x */", "SQL_COMMENT": "-- x",
        ]
        for (name, sample) in samples {
            let reading = try Reading(.grammar("start: \(name)\n%import common.\(name)"))
            #expect(reading.verdict(sample) == .complete, "\(name)")
            #expect(reading.verdict("\u{1}") == .refused(at: 0), "\(name)")
        }
    }

    @Test func `rules of Lark are replaced and added to`() throws {
        let reading = try Reading(
            .grammar(
                """
                start: word NUMBER
                word: "a" | "b"
                %import common.INT -> NUMBER
                %extend word: "c" | "d" word
                %extend NUMBER: "none"
                %override start: word "-" NUMBER
                """))
        #expect(reading.verdict("ddc-12") == .complete)
        #expect(reading.verdict("b-none") == .complete)
        #expect(reading.verdict("b1") == .refused(at: 1))
        let error = #expect(throws: RecognitionError.self) {
            try StructureRecognizer(.grammar("start: \"a\"\n%extend other: \"b\""))
        }
        #expect(error?.place == "line 2, column 9")
    }

    @Test func `a grammar of Lark within another one has names of its own`() throws {
        let reading = try Reading(
            .grammar(
                """
                start: "<" word %lark {
                    start: word ("," word)*
                    word: /[0-9]+/
                    %ignore " "
                } ">" word
                word: /[a-z]+/
                """))
        #expect(reading.verdict("<ab1, 2 ,3>c") == .complete)
        #expect(reading.verdict("<ab1, x") == .refused(at: 6))
        let deep =
            String(repeating: "start: %lark {\n", count: 200) + "start: \"a\""
            + String(repeating: "\n}", count: 200)
        #expect(throws: RecognitionError.self) { try StructureRecognizer(.grammar(deep)) }
    }

    @Test func `repetitions of repetitions are one where that says the same`() throws {
        let nested =
            String(repeating: "(", count: 100) + "\"a\""
            + String(repeating: "){0,100000}", count: 100)
        let reading = try Reading(.grammar("root ::= \(nested) \"b\""))
        #expect(reading.verdict("aaaab") == .complete)
        #expect(reading.verdict("c") == .refused(at: 0))
        let counted = try Reading(.grammar("root ::= ((\"a\"{1,2}){2,3}){0,2}"))
        for count in 0..<16 {
            let isValid = count == 0 || (2...12).contains(count)
            let verdict = counted.verdict(String(repeating: "a", count: count))
            #expect((verdict == .complete) == isValid, "\(count)")
        }
    }
}
