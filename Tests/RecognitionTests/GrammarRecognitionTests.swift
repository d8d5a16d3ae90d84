// SPDX-License-Identifier: Apache-2.0

import Recognition
import Testing

struct GrammarRecognitionTests {
    @Test func `random grammars accept what they derive and nothing else`() throws {
        var random = SplitMix(seed: 1)
        var count = 0
        while count < 150 {
            let oracle = GrammarOracle(using: &random)
            guard oracle.isProductive else { continue }
            count += 1
            let reading = try Reading(.grammar(oracle.text))
            let texts = oracle.texts(upTo: 6)
            let prefixes = oracle.prefixes(upTo: 6)
            for text in Spelling.all(upTo: 6) {
                let verdict = reading.verdict(text)
                let expected: Bool = verdict == .complete
                #expect(expected == texts.contains(text), "\(oracle.text) \(text)")
                let isAlive = verdict == .complete || verdict == .open
                #expect(isAlive == prefixes.contains(text), "\(oracle.text) \(text)")
            }
        }
    }

    @Test func `a rule that derives nothing is an error that names it`() {
        let error = #expect(throws: RecognitionError.self) {
            try StructureRecognizer(.grammar("root ::= \"x\" | a\n a ::= a\n"))
        }
        #expect(error?.place == "line 2, column 2")
        #expect(error?.reason.contains("the rule a ") == true)
    }

    @Test func `arithmetic nests and recurses to the left`() throws {
        let reading = try Reading(
            .grammar(
                """
                root ::= expr "\\n"
                expr ::= expr [-+] term | term
                term ::= term [*/] factor | factor
                factor ::= "-" factor | "(" expr ")" | num
                num ::= [0-9]+ ("." [0-9]+)?
                """))
        #expect(reading.verdict("1+2*(3-4.5)/-6\n") == .complete)
        #expect(reading.verdict("((1)+(2)") == .open)
        #expect(reading.verdict("1+*") == .refused(at: 2))
        #expect(reading.verdict("1..") == .refused(at: 2))
        #expect(reading.verdict("(1))") == .refused(at: 3))
        let deep = String(repeating: "(", count: 500) + "1" + String(repeating: ")", count: 500)
        #expect(reading.verdict(deep + "\n") == .complete)
        #expect(reading.verdict(deep + ")") == .refused(at: 1001))
    }

    @Test func `JSON is recognized`() throws {
        let reading = try Reading(
            .grammar(
                #"""
                # JSON, as RFC 8259 has it
                root   ::= space value
                value  ::= (object | array | string | number | "true" | "false" | "null") space
                object ::= "{" space (member ("," space member)*)? "}"
                member ::= string space ":" space value
                array  ::= "[" space (value ("," space value)*)? "]"
                string ::= "\"" ([^"\\\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}))* "\""
                number ::= "-"? ("0" | [1-9] [0-9]*) ("." [0-9]+)? ([eE] [-+]? [0-9]+)?
                space  ::= [ \t\n\r]*
                """#))
        let text = #" { "a" : [1, -2.5e+3, {}, [] , "é\u00e9\n𝄞"], "b": null } "#
        #expect(reading.verdict(text) == .complete)
        for index in text.indices {
            #expect(reading.verdict(String(text[..<index])) != .refused(at: 0))
        }
        #expect(reading.verdict("[1,]") == .refused(at: 3))
        #expect(reading.verdict("01") == .refused(at: 1))
        #expect(reading.verdict("\"\\x") == .refused(at: 2))
        #expect(reading.verdict("\"\n") == .refused(at: 1))
    }

    @Test func `a language of statements is recognized`() throws {
        let reading = try Reading(
            .grammar(
                #"""
                root       ::= (declare)*
                declare    ::= type identifier "(" parameter? ("," ws parameter)* ")" ws
                               "{" ws statement* "}" ws
                type       ::= ("int" | "float" | "char") " "
                identifier ::= [a-zA-Z_] [a-zA-Z_0-9]*
                parameter  ::= type identifier
                statement  ::=
                    type identifier ws "=" ws expression ";" ws |
                    identifier ws "=" ws expression ";" ws |
                    "return" ws expression ";" ws |
                    "while" "(" condition ")" ws "{" ws statement* "}" ws |
                    "if" "(" condition ")" ws "{" ws statement* "}" ws
                    ("else" ws "{" ws statement* "}" ws)?
                condition  ::= expression ("==" | "<=" | "<") ws expression
                expression ::= term (("+" | "-") ws term)*
                term       ::= unary (("*" | "/") ws unary)*
                unary      ::= ("-" ws)? primary
                primary    ::= identifier ws | number ws | "(" ws expression ")" ws
                               | identifier "(" (expression ("," ws expression)*)? ")" ws
                number     ::= [0-9]+
                ws         ::= ([ \t\n]+)?
                """#))
        let text = """
            int f(int a, int b){
              int c = a * (b + f(1, 2));
              while(c <= 10) { c = c + returned; if(a==b) { return c; } else { x = -1; } }
              return c;
            }

            """
        #expect(reading.verdict(text) == .complete)
        #expect(reading.verdict("int f(){ return 1 + ; ") == .refused(at: 20))
        #expect(reading.verdict("int f(){ whale = 1; while(a<b) {") == .open)
    }

    @Test func `recursion of any kind takes no more for longer texts`() throws {
        for rules in [
            "root ::= \"a\" root | \"\"", "root ::= root \"a\" | \"\"",
            "root ::= root root | \"a\"",
            "root ::= x root y | \"a\" root y | \"a\"\nx ::= \"\"\ny ::= \"\"",
            "root ::= p | \"\"\np ::= q \"a\" | \"a\"\nq ::= p | q",
            "root ::= root? root? \"a\"", "root ::= \"a\"* root* \"a\"?",
        ] {
            let recognizer = try StructureRecognizer(.grammar(rules))
            let text = RecognizedText()
            var state = recognizer.start
            for _ in 0..<50 { state = recognizer.advance(state, by: 97, after: text) }
            let bytes = recognizer.byteCount
            for _ in 0..<500 { state = recognizer.advance(state, by: 97, after: text) }
            #expect(!state.isDead && recognizer.canEnd(state, after: text), "\(rules)")
            #expect(recognizer.byteCount <= bytes, "\(rules)")
        }
    }

    @Test func `a lexeme has the same scanner wherever it stands`() throws {
        let recognizer = try StructureRecognizer(
            .grammar(
                #"""
                root   ::= list
                list   ::= "[" (item ("," item)*)? "]"
                item   ::= list | string
                string ::= "\"" ([^"\\] | "\\" ["\\n])* "\""
                """#))
        let text = RecognizedText()
        func state(after string: String) -> RecognizerState {
            string.utf8.reduce(recognizer.start) { recognizer.advance($0, by: $1, after: text) }
        }
        let scanner = recognizer.scanner(of: state(after: "[\"a"))
        #expect(scanner >= 0)
        #expect(recognizer.scanner(of: state(after: "[[[\"x\", \"bc")) == -1)
        #expect(recognizer.scanner(of: state(after: "[[[\"x\",\"bc")) == scanner)
        #expect(recognizer.canEnd(state(after: "[[\"a\\n\"],\"\"]"), after: text))
    }

    // MARK: Hostile grammars

    @Test func `thousands of brackets are an error or are read`() throws {
        let open = String(repeating: "(", count: 60_000)
        let close = String(repeating: ")", count: 60_000)
        for text in [
            "root ::= \(open)\"a\"\(close)", "start: \(open)\"a\"\(close)", "root ::= \(open)",
            "start: \(String(repeating: "[", count: 60_000))", "start: /\(open)a\(close)/",
            "root ::= \"a\"\(String(repeating: "*", count: 60_000))",
            "start: \"a\"\(String(repeating: "+", count: 60_000))",
        ] {
            #expect(throws: RecognitionError.self) { try StructureRecognizer(.grammar(text)) }
        }
    }

    @Test func `many rules are read`() throws {
        let count = 2000
        var text = "root ::= r0\n"
        for rule in 0..<count { text += "r\(rule) ::= \"a\" r\(rule + 1) | r\(rule + 1)\n" }
        let reading = try Reading(.grammar(text + "r\(count) ::= \"b\""))
        #expect(reading.verdict("aaaab") == .complete)
        #expect(reading.verdict("aaaabb") == .refused(at: 5))
    }

    @Test func `an ambiguous grammar that needs ever more is refused at last, not slow`() throws {
        let recognizer = try StructureRecognizer(
            .grammar("root ::= s\ns ::= s s s | s s | \"a\" | s t\nt ::= t s | s t t | \"a\""))
        let text = RecognizedText()
        var state = recognizer.start
        for _ in 0..<60 where !state.isDead {
            state = recognizer.advance(state, by: 97, after: text)
        }
        #expect(recognizer.byteCount < 128 << 20)
    }

    @Test func `large repetitions are counted`() throws {
        let reading = try Reading(
            .grammar("root ::= (\"ab\" | \"c\"){0,100000} \"!\" ([0-9]{3}){2,5000}"))
        let text = String(repeating: "abc", count: 200) + "!"
        #expect(reading.verdict(text) == .open)
        #expect(reading.verdict(text + "123456") == .complete)
        #expect(reading.verdict(text + "1234567") == .open)
        #expect(throws: RecognitionError.self) {
            try StructureRecognizer(.grammar("root ::= \"a\"{5,3}"))
        }
    }

    @Test func `nested repetitions of large numbers are answered`() throws {
        var text = "\"a\""
        for _ in 0..<20 { text = "(\(text)){0,100000}" }
        let reading = try? Reading(.grammar("root ::= \(text)"))
        #expect(reading?.verdict("aaa") ?? .complete == .complete)
    }
}
