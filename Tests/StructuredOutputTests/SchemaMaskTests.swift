// SPDX-License-Identifier: Apache-2.0

import JSON
import Recognition
import StructuredOutput
import Testing

/// Masks of JSON texts beside what the recognizer alone says of each token.
struct SchemaMaskTests {
    private static let schemas: [String] = [
        ##"{}"##,
        ##"{"type": "string"}"##,
        ##"{"type": "string", "minLength": 2, "maxLength": 5}"##,
        ##"{"type": "string", "maxLength": 200}"##,
        ##"{"type": "string", "pattern": "^a+[^b]*$"}"##,
        ##"{"type": "string", "pattern": "b"}"##,
        ##"{"enum": ["a", "ab", "\"q\"", 12, 1.5, null, ["a"], {"a": 1}]}"##,
        ##"{"type": "object", "properties": {"a": {"type": "string"}, "ab": {"type": "integer"}},"##
            + ##" "required": ["ab"]}"##,
        ##"{"type": "object", "properties": {"name": {"enum": ["x", "xy"]}},"##
            + ##" "additionalProperties": {"type": "boolean"}, "maxProperties": 3}"##,
        ##"{"type": "object", "patternProperties": {"^n": {"type": "null"}},"##
            + ##" "additionalProperties": {"type": "string", "maxLength": 1}}"##,
        ##"{"type": "object", "propertyNames": {"maxLength": 2}}"##,
        ##"{"type": "array", "uniqueItems": true, "items": {"enum": [1, 12, "a"]}}"##,
        ##"{"type": "array", "contains": {"const": 12}, "maxItems": 3}"##,
        ##"{"oneOf": [{"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "b$"}]}"##,
        ##"{"not": {"type": "string"}}"##,
        ##"{"type": "object", "properties": {"a": true}, "not": {"required": ["a"]}}"##,
        ##"{"type": "number", "minimum": 1, "maximum": 120}"##,
        ##"{"anyOf": [{"type": "array", "items": {"type": "integer"}},"##
            + ##" {"type": "array", "items": {"type": "string"}}]}"##,
        ##"{"$ref": "#/$defs/n", "$defs": {"n": {"type": "object","##
            + ##" "properties": {"n": {"$ref": "#/$defs/n"}, "a": {"type": "integer"}},"##
            + ##" "additionalProperties": false}}}"##,
    ]

    private static let vocabulary: [String] = {
        var pieces = ["<end>"]
        let letters = "{}[]:,\"\\ab 01n.-eu\n"
        pieces += letters.map { String($0) }
        pieces += [
            "{\"", "\":", "\": ", "\",", "\", \"", "\"}", "\"]", "\": \"", "{\"a", "\"a\"", "ab",
            "12", "1,", "1]", "12}", "]}", "}}", "\\\"", "\\u00", "\\n", "null", "true", "false",
            "name", "nam", "\"name\":", "x", "xy\"", "y", "xy", ", ", ": ", "\"ab\": 1", "é", "🦙",
            "é\"", "\",\"n", "bb\"}", "aaaa", "aaaa\"", "a\"}", "[1,12]", "[\"a\",\"a\"]", "  ",
            ",\n ",
            "n\": null", "{\"n\": {}", "1.5", "e1", "-1", "00", "\u{1}",
        ]
        return pieces
    }()

    private static let shared = ConstraintVocabulary(ListTokenizer(pieces: vocabulary))

    @Test(arguments: schemas)
    func `a mask allows the tokens that the recognizer reads byte by byte, and no others`(
        schema: String
    ) throws {
        for style in [RecognitionStyle.any, .generated] {
            try check(JSONParser.parse(schema), style)
        }
    }

    private func check(_ schema: JSONValue, _ style: RecognitionStyle) throws {
        let recognizer = try JSONRecognizer(SchemaDocument(schema), style: style)
        let constraint = try Constraint(.schema(schema), vocabulary: Self.shared, style: style)
        let tokenizer = ListTokenizer(pieces: Self.vocabulary)
        var random = SystemRandomNumberGenerator()
        var mask = TokenMask(tokenCount: tokenizer.vocabularyCount)
        for _ in 0..<8 {
            let matcher = constraint.makeMatcher()
            let text = RecognizedText()
            var state = recognizer.start
            var tokens: [String] = []
            while tokens.count < 14, !matcher.hasEnded {
                _ = matcher.fill(&mask)
                var allowed: [Int32] = recognizer.canEnd(state, after: text) ? [0] : []
                for token in 1..<Int32(tokenizer.vocabularyCount) {
                    if read(token, state, text, recognizer, tokenizer) != nil {
                        allowed.append(token)
                    }
                }
                let masked = (0..<Int32(mask.tokenCount)).filter { mask[$0] }
                #expect(masked == allowed, "after \(tokens)")
                guard masked == allowed, let token = allowed.randomElement(using: &random) else {
                    break
                }
                #expect(matcher.accept(token))
                if token == 0 {
                    #expect(matcher.problem() == nil, "\(tokens)")
                } else if let next = read(token, state, text, recognizer, tokenizer) {
                    state = next
                    for byte in tokenizer.bytes(of: token) { text.append(byte) }
                }
                tokens.append(tokenizer.piece(of: token))
            }
        }
    }

    private func read(
        _ token: Int32, _ state: RecognizerState, _ text: RecognizedText,
        _ recognizer: JSONRecognizer, _ tokenizer: ListTokenizer
    ) -> RecognizerState? {
        let count = text.count
        defer { text.truncate(to: count) }
        var state = state
        for byte in tokenizer.bytes(of: token) {
            state = recognizer.advance(state, by: byte, after: text)
            if state.isDead { return nil }
            text.append(byte)
        }
        return state
    }
}
