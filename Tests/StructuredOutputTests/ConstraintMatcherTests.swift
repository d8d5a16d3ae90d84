// SPDX-License-Identifier: Apache-2.0

import JSON
import Recognition
import StructuredOutput
import Testing
import Tokenization

struct ConstraintMatcherTests {
    private static let words = [
        "<end>", "<call>", "[", "]", "\"", ",", "0", "1", "a", "b", "!", " ", "\\", "\\\"", "\",",
        "\"]", "\"a\"", "[\"", "[\"a\",\"b!\"]", "[1", "12,", "12]", "],[", "a\",\"", "!\"]", "ab",
        "]]", " \"", " [1]", "\\\\\"]", "1,\"", "a\"", "a\"", "", "🦙", "1]]",
    ]

    private func tokenizer(dropsLeadingSpace: Bool = false) -> ListTokenizer {
        ListTokenizer(pieces: Self.words, dropsLeadingSpace: dropsLeadingSpace)
    }

    /// A mask as the recognizer alone would have it.
    private func expected(
        _ tokens: [Int32], _ recognizer: ListRecognizer, _ tokenizer: ListTokenizer
    ) -> [Int32] {
        var hasText = false
        func read(_ token: Int32, _ state: inout RecognizerState, _ text: RecognizedText) -> Bool {
            var bytes = tokenizer.bytes(of: token)
            if tokenizer.dropsLeadingSpace, text.count == 0, !hasText, bytes.first == 0x20 {
                bytes.removeFirst()
            }
            if tokenizer.isControl(token) {
                state = recognizer.advance(state, byControl: token, after: text)
            } else if tokenizer.bytes(of: token).isEmpty {
                return false
            }
            for byte in bytes {
                if state.isDead { return false }
                state = recognizer.advance(state, by: byte, after: text)
                text.append(byte)
            }
            return !state.isDead
        }
        let text = RecognizedText()
        var state = recognizer.start
        for token in tokens {
            _ = read(token, &state, text)
            hasText = hasText || !tokenizer.isControl(token)
        }
        let count = text.count
        return (0..<Int32(tokenizer.vocabularyCount)).filter { token in
            defer { text.truncate(to: count) }
            if tokenizer.eosTokenIDs.contains(token) {
                return recognizer.canEnd(state, after: text)
            }
            var next = state
            return read(token, &next, text)
        }
    }

    private func allowed(_ mask: TokenMask) -> [Int32] {
        (0..<Int32(mask.tokenCount)).filter { mask[$0] }
    }

    @Test(arguments: 0..<8)
    func `a mask allows the tokens that the recognizer reads byte by byte, and no others`(
        variant: Int
    ) throws {
        let (isGuarding, hasScanners) = (variant & 1 == 1, variant & 2 == 2)
        let dropsLeadingSpace = variant & 4 == 4
        let tokenizer = tokenizer(dropsLeadingSpace: dropsLeadingSpace)
        let recognizer = ListRecognizer(
            isGuarding: isGuarding, hasScanners: hasScanners, control: 1)
        let constraint = Constraint(
            ListRecognizer(isGuarding: isGuarding, hasScanners: hasScanners, control: 1),
            vocabulary: ConstraintVocabulary(tokenizer))
        var random = SystemRandomNumberGenerator()
        var mask = TokenMask(tokenCount: tokenizer.vocabularyCount)
        for _ in 0..<25 {
            let matcher = constraint.makeMatcher()
            var tokens: [Int32] = []
            while tokens.count < 12, !matcher.hasEnded {
                let isAlive = matcher.fill(&mask)
                let expected = expected(tokens, recognizer, tokenizer)
                #expect(allowed(mask) == expected, "after \(tokens)")
                #expect(isAlive == !expected.isEmpty)
                for token in 0..<Int32(tokenizer.vocabularyCount) {
                    #expect(matcher.allows(token) == mask[token], "\(token) after \(tokens)")
                }
                guard let token = expected.randomElement(using: &random) else { break }
                #expect(matcher.accept(token))
                tokens.append(token)
            }
        }
    }

    @Test func `a token that may not come changes nothing`() {
        let constraint = Constraint(
            ListRecognizer(), vocabulary: ConstraintVocabulary(tokenizer()))
        let matcher = constraint.makeMatcher()
        #expect(!matcher.accept(3))
        #expect(!matcher.accept(0))
        #expect(!matcher.accept(-1))
        #expect(!matcher.accept(1 << 20))
        #expect(matcher.tokenCount == 0)
        #expect(matcher.accept(2))
    }

    @Test func `an end token ends an answer that is complete`() {
        let constraint = Constraint(
            ListRecognizer(), vocabulary: ConstraintVocabulary(tokenizer()))
        let matcher = constraint.makeMatcher()
        #expect(matcher.accept(19))
        #expect(!matcher.canEnd && !matcher.accept(0))
        #expect(matcher.problem() != nil)
        #expect(matcher.accept(3))
        #expect(matcher.canEnd && matcher.mustEnd && !matcher.hasEnded)
        #expect(allowed(matcher.mask()) == [0])
        #expect(matcher.accept(0))
        #expect(matcher.hasEnded && matcher.mask().isEmpty && !matcher.accept(0))
        #expect(matcher.problem() == nil)
        matcher.rewind(to: 1)
        #expect(!matcher.hasEnded && !matcher.canEnd && matcher.accept(5))
    }

    @Test func `what is forbidden at a place is forbidden until the matcher is rewound before it`()
    {
        let constraint = Constraint(
            ListRecognizer(), vocabulary: ConstraintVocabulary(tokenizer()))
        let matcher = constraint.makeMatcher()
        #expect(matcher.accept(2))
        matcher.forbid(6)
        #expect(!matcher.mask()[6] && !matcher.accept(6) && matcher.mask()[7])
        #expect(matcher.accept(7))
        #expect(matcher.mask()[6])
        matcher.rewind(to: 1)
        #expect(!matcher.mask()[6])
        matcher.rewind(to: 0)
        #expect(matcher.accept(2))
        #expect(matcher.mask()[6])
    }

    @Test func `a guarded value is provisional while it is open, and a dead end where it fails`() {
        let constraint = Constraint(
            ListRecognizer(isGuarding: true), vocabulary: ConstraintVocabulary(tokenizer()))
        let matcher = constraint.makeMatcher()
        #expect(!matcher.isProvisional)
        #expect(matcher.accept(17))
        #expect(matcher.isProvisional)
        #expect(matcher.accept(10))
        #expect(matcher.mask()[4])
        #expect(matcher.accept(4))
        #expect(!matcher.mask()[3] && matcher.mask()[5])
        matcher.rewind(to: 1)
        #expect(matcher.accept(31) && matcher.accept(3))
        #expect(!matcher.isProvisional && matcher.canEnd)
    }

    @Test func `states that were forgotten are made again`() {
        let recognizer = ListRecognizer(isGuarding: true)
        let constraint = Constraint(
            recognizer, vocabulary: ConstraintVocabulary(tokenizer()), limits: RecognitionLimits())
        let matcher = constraint.makeMatcher()
        #expect(matcher.accept(17) && matcher.accept(8))
        let mask = matcher.mask()
        recognizer.byteCount = 1 << 40
        for _ in 0..<40 { #expect(matcher.mask() == mask) }
        #expect(recognizer.forgottenCount > 0)
        recognizer.byteCount = 0
        #expect(matcher.accept(15) && matcher.canEnd)
    }

    @Test func `masks that take longer than they may leave a reason`() throws {
        var limits = RecognitionLimits()
        limits.maxAnswerTime = .zero
        limits.timePerToken = .zero
        let constraint = Constraint(
            ListRecognizer(), vocabulary: ConstraintVocabulary(tokenizer()), limits: limits)
        let matcher = constraint.makeMatcher()
        var mask = TokenMask(tokenCount: 0)
        // The first mask may be done before time is looked at.
        while matcher.fill(&mask), matcher.accept(2) {}
        #expect(mask.isEmpty)
        #expect(matcher.limitation?.contains("too long") ?? false)
        #expect(matcher.problem() == matcher.limitation)
    }

    @Test func `control tokens are those of the vocabulary`() throws {
        let vocabulary = ConstraintVocabulary(tokenizer())
        for grammar in ["root ::= \"a\" <call>", "start: \"a\" <[1]>"] {
            let matcher = try Constraint(.grammar(grammar), vocabulary: vocabulary).makeMatcher()
            #expect(matcher.accept(8) && matcher.accept(1) && matcher.accept(0))
        }
        for grammar in ["root ::= <[9]>", "start: <[1-3]>", "root ::= <[400]>", "root ::= <ab>"] {
            let error = #expect(throws: RecognitionError.self) {
                try Constraint(.grammar(grammar), vocabulary: vocabulary)
            }
            #expect(error?.place.hasPrefix("line 1, column") ?? false)
        }
    }

    @Test func `structural tags name control tokens of the vocabulary`() throws {
        let vocabulary = ConstraintVocabulary(tokenizer())
        func constraint(_ token: JSONValue) throws -> Constraint {
            let tag: JSONValue = [
                "type": "structural_tag",
                "format": [
                    "type": "tag", "begin": ["type": "token", "token": token],
                    "content": ["type": "any_text", "exclude_tokens": [token]], "end": "]",
                ],
            ]
            return try Constraint(StructuralTag.structure(of: tag), vocabulary: vocabulary)
        }
        for token: JSONValue in ["<call>", 1] {
            let matcher = try constraint(token).makeMatcher()
            #expect(!matcher.allows(8) && matcher.accept(1) && matcher.accept(8))
            #expect(!matcher.allows(1) && matcher.accept(3) && matcher.canEnd)
        }
        for token: JSONValue in ["<other>", 8, 400] {
            let error = #expect(throws: RecognitionError.self) { try constraint(token) }
            #expect(error?.place == "/format/begin/token")
        }
    }

    @Test func `values within an answer are validated at its end`() throws {
        let vocabulary = ConstraintVocabulary(ByteVocabulary())
        // What an automaton takes for an address is looked at again.
        let host: JSONValue = ["type": "string", "format": "hostname"]
        let structure = Structure.sequence([
            .literal("<"), .unquoted(schema: host, without: [">"]), .literal(">"),
            .schema(["uniqueItems": true]),
        ])
        let constraint = try Constraint(structure, vocabulary: vocabulary)
        func problem(_ text: String) -> String? {
            let matcher = constraint.makeMatcher()
            for byte in text.utf8 where !matcher.accept(Int32(byte)) { return "refused" }
            return matcher.problem()
        }
        #expect(problem("<a.example>[1, 2]") == nil)
        #expect(problem("<xn--a.example>[1, 2]")?.contains("does not satisfy") ?? false)
        #expect(problem("<a.example>[1, 1]") == "refused")
    }
}
