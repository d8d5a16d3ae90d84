// SPDX-License-Identifier: Apache-2.0

import JSON
import Testing
import Tokenization

struct WordPatternTests {
    static let preTokenizers: [(String, PreTokenizer)] = [
        ("gpt2", PreTokenizer([.words(.gpt2)])),
        ("smollm", PreTokenizer([.eachNumber, .words(.gpt2)])),
        ("llama3", PreTokenizer([.words(.llama3)])),
        ("qwen2", PreTokenizer([.words(.qwen2)])),
        ("qwen35", PreTokenizer([.words(.qwen35)])),
        ("tekken", PreTokenizer([.words(.tekken)])),
        ("gpt4o", PreTokenizer([.words(.gpt4o)])),
        ("deepseek-v3", PreTokenizer([.numberTriples, .eastAsianRuns, .deepSeekWords])),
        ("kimi-k2", PreTokenizer([.words(.kimiK2)])),
        (
            "deepseek-llm",
            PreTokenizer([
                .eachNewline, .runs(.casedLetters), .runs(.commonMarks), .trailingSpace,
                .runs(.eastern), .eachNumber,
            ])
        ),
        (
            "deepseek-coder",
            PreTokenizer([
                .eachNewline, .runs(.letters), .runs(.punctuation), .runs(.eastern), .eachNumber,
            ])
        ),
        (
            "default",
            PreTokenizer([.punctuationRuns, .words(.gpt2), .numberRuns, .digitTriples])
        ),
    ]

    static let tekkenExpression =
        #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"#
        + #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|"#
        + #"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

    @Test(arguments: preTokenizers)
    func `words end where the reference's regex engine ends them`(
        name: String, preTokenizer: PreTokenizer
    ) throws {
        let hashes = try Golden.hashes(try Golden.read("words")["hashes"]?[name])
        let texts = try Golden.strings()
        #expect(texts.count == hashes.count)
        for (text, hash) in zip(texts, hashes) {
            var end = 0
            let ends = preTokenizer.words(of: text).map { word in
                end += word.unicodeScalars.count
                return end
            }
            #expect(Golden.fingerprint(ends) == hash, "\(text.debugDescription): \(ends)")
        }
    }

    @Test func `characters have the classes of the reference's Unicode version`() throws {
        let classes = (UInt32(0)..<0x110000).lazy.compactMap(Unicode.Scalar.init).map {
            CharacterClass.of($0).rawValue
        }
        let expected = try Golden.read("words")["classes"]?.stringValue
        #expect(Golden.fingerprint(classes) == expected)
    }

    @Test func `words of tekken are cut before upper case`() {
        let words = PreTokenizer([.words(.tekken)]).words(of: "camelCaseHTTPServer ABC中DEF")
        #expect(words == ["camel", "Case", "HTTPServer", " ABC中", "DEF"])
    }

    @Test func `what no word of DeepSeek's takes stays together`() {
        let words = PreTokenizer([.numberTriples, .eastAsianRuns, .deepSeekWords]).words(
            of: "x=1234; f(a_b)中文かなa\u{1}\u{2} \n é!")
        #expect(
            words == [
                "x", "=", "123", "4", ";", " f", "(a", "_b", ")", "中文かな", "a", "\u{1}\u{2}",
                " \n", " é", "!",
            ])
    }

    @Test func `words of Kimi are cut before and after Han`() {
        let words = PreTokenizer([.words(.kimiK2)]).words(of: "HTTPServer中文Case, 人's 12〇34!\n/")
        #expect(
            words == [
                "HTTPServer", "中文", "Case", ",", " ", "人", "'s", " ", "12〇", "34", "!\n", "/",
            ])
    }

    @Test func `runs take a space before them, and leave others together`() {
        let preTokenizer = PreTokenizer([.eachNewline, .runs(.commonMarks), .trailingSpace])
        #expect(
            preTokenizer.words(of: "1  . \u{3000}\u{3000}é \r\n2  ")
                == [
                    "1", " ", " .", " \u{3000}\u{3000}", "é", " ", "\r", "\n", "2", "  ",
                ])
        let kelvin = #"\s?[A-Za-z]+"#
        #expect(CharacterRun(expression: kelvin) == nil)
    }

    @Test(arguments: ["kimi-k2", "deepseek-llm", "deepseek-coder"])
    func `a GGUF file names the ways of Kimi and DeepSeek to split words`(name: String) throws {
        let preset = try #require(PreTokenizerPreset(ggufName: name))
        let expected = try #require(Self.preTokenizers.first { $0.0 == name })
        #expect(preset.preTokenizer == expected.1)
    }

    @Test func `digits are cut as each vocabulary learnt them`() {
        let text = "in 12345"
        #expect(PreTokenizer([.words(.gpt2)]).words(of: text) == ["in", " 12345"])
        #expect(PreTokenizer([.words(.llama3)]).words(of: text) == ["in", " ", "123", "45"])
        #expect(
            PreTokenizer([.eachNumber, .words(.gpt2)]).words(of: text)
                == ["in", " ", "1", "2", "3", "4", "5"])
    }

    @Test func `a regular expression that is not known is refused`() {
        #expect(WordPattern(expression: #"\w+"#) == nil)
        #expect(WordPattern(expression: Self.tekkenExpression) == .tekken)
    }
}
