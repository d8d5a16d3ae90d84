// SPDX-License-Identifier: Apache-2.0

/// The family of regular expressions that split text into words before byte-level BPE.
///
/// GPT-2's expression and its descendants differ in a few places only, which are the properties
/// here. The match is written by hand: it looks at each character a bounded number of times, where
/// a regex engine may backtrack, and reproduces leftmost-first matching exactly.
package struct WordPattern: Hashable, Sendable {
    /// How `'s 't 're 've 'm 'll 'd` are cut off.
    package enum Contractions: Sendable {
        /// They are not.
        case none
        /// As words of their own, in lower case only.
        case lowercase
        /// As words of their own, `(?i:…)`.
        case anyCase
        /// As an optional end of a word of letters, `(?i:…)?`.
        case suffix
    }

    /// What a word of letters is.
    package enum Letters: Sendable {
        /// ` ?\p{L}+`
        case afterSpace
        /// `[^\r\n\p{L}\p{N}]?\p{L}+`
        case afterAnything
        /// `[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+`; marks are no punctuation then.
        case withMarks
        /// `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+` or the
        /// same with `+` and `*`: words are cut before upper case.
        case cased
    }

    /// What a word of digits is.
    package enum Numbers: Sendable {
        /// ` ?\p{N}+`
        case afterSpace
        /// `\p{N}`
        case single
        /// `\p{N}{1,3}`
        case upToThree
    }

    /// What may follow a run of other characters, ` ?[^\s\p{L}\p{N}]+`.
    package enum PunctuationTail: Sendable {
        /// Nothing.
        case none
        /// `[\r\n]*`
        case newlines
        /// `[\r\n/]*`
        case newlinesAndSlashes
    }

    /// How contractions are cut off.
    package var contractions: Contractions
    /// What a word of letters is.
    package var letters: Letters
    /// What a word of digits is.
    package var numbers: Numbers
    /// What may follow punctuation.
    package var punctuationTail: PunctuationTail
    /// Whether `\s*[\r\n]+` comes before the other whitespace.
    package var endsSpaceAtNewline: Bool

    /// GPT-2.
    package static let gpt2 = WordPattern(
        contractions: .lowercase, letters: .afterSpace, numbers: .afterSpace,
        punctuationTail: .none, endsSpaceAtNewline: false)
    /// Llama 3 (and OpenAI's cl100k).
    package static let llama3 = WordPattern(
        contractions: .anyCase, letters: .afterAnything, numbers: .upToThree,
        punctuationTail: .newlines, endsSpaceAtNewline: true)
    /// Qwen 2, 2.5 and 3.
    package static let qwen2 = WordPattern(
        contractions: .anyCase, letters: .afterAnything, numbers: .single,
        punctuationTail: .newlines, endsSpaceAtNewline: true)
    /// Qwen 3.5.
    package static let qwen35 = WordPattern(
        contractions: .anyCase, letters: .withMarks, numbers: .single,
        punctuationTail: .newlines, endsSpaceAtNewline: true)
    /// Mistral's tekken.
    package static let tekken = WordPattern(
        contractions: .none, letters: .cased, numbers: .single,
        punctuationTail: .newlinesAndSlashes, endsSpaceAtNewline: true)
    /// GPT-4o (OpenAI's o200k) and Llama 4.
    package static let gpt4o = WordPattern(
        contractions: .suffix, letters: .cased, numbers: .upToThree,
        punctuationTail: .newlinesAndSlashes, endsSpaceAtNewline: true)
}

extension WordPattern {
    /// The patterns by the regular expressions that tokenizer files state them with.
    private static let expressions: [String: WordPattern] = {
        let contractions = "'s|'t|'re|'ve|'m|'ll|'d"
        let anyCase = "(?i:\(contractions))"
        let prefix = #"[^\r\n\p{L}\p{N}]?"#
        let newline = #"|\s*[\r\n]+|\s+(?!\S)|\s+"#
        let other = #"| ?[^\s\p{L}\p{N}]+"#
        let upper = #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#
        let lower = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#
        func cased(_ suffix: String) -> String {
            "\(prefix)\(upper)*\(lower)+\(suffix)|\(prefix)\(upper)+\(lower)*\(suffix)"
        }
        func llama(_ numbers: String) -> String {
            #"\#(anyCase)|\#(prefix)\p{L}+|\#(numbers)\#(other)[\r\n]*\#(newline)"#
        }
        let otherWithMarks = #"| ?[^\s\p{L}\p{M}\p{N}]+"#
        return [
            #"\#(contractions)| ?\p{L}+| ?\p{N}+\#(other)|\s+(?!\S)|\s+"#: .gpt2,
            #"\#(contractions)| ?\p{L}+| ?\p{N}+\#(other)|\s+(?!\S)"#: .gpt2,
            llama(#"\p{N}{1,3}"#): .llama3,
            llama(#"\p{N}"#): .qwen2,
            #"\#(anyCase)|\#(prefix)[\p{L}\p{M}]+|\p{N}\#(otherWithMarks)[\r\n]*\#(newline)"#:
                .qwen35,
            #"\#(cased(""))|\p{N}\#(other)[\r\n/]*\#(newline)"#: .tekken,
            #"\#(cased("\(anyCase)?"))|\p{N}{1,3}\#(other)[\r\n/]*\#(newline)"#: .gpt4o,
        ]
    }()

    /// The pattern that a regular expression describes, if it is one of the known ones.
    package init?(expression: String) {
        guard let known = Self.expressions[expression] else { return nil }
        self = known
    }
}
