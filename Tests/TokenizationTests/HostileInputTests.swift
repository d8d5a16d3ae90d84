// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import Tokenization

/// A megabyte, or 64 KiB in debug builds, of what makes naive tokenizers slow or overflow the
/// stack.
struct HostileInputTests {
    static let texts: [(name: String, unit: String)] = [
        ("a", "a"), ("A", "A"), ("newline", "\n"), ("space", " "), ("combining mark", "\u{301}"),
        ("marks of falling class", "\u{345}\u{301}\u{316}"), ("digit", "7"), ("apostrophe", "'"),
        ("slash", "/"), ("CJK", "中"), ("cased CJK", "中A"), ("emoji", "😀"), ("control", "\u{0}"),
        ("space and newline", " \n"), ("mark and letter", "\u{301}A"), ("Hangul parts", "\u{1100}"),
        ("beginning of a control token", "<|en"), ("words", "low lower "),
    ]

    #if DEBUG
    static let byteCount = 1 << 16
    #else
    static let byteCount = 1 << 20
    #endif

    /// Far more than it takes, also where others use the caches, and far less than it would if the
    /// time grew faster than the text.
    static let limit = Duration.seconds(20)

    /// Measures processor time, for other processes and tests may hold the processor.
    static func check(
        _ tokenizer: any Tokenizer, _ unit: String, _ name: String, part: Int = 1
    ) {
        let text = String(repeating: unit, count: byteCount / part / unit.utf8.count)
        let start = processorTime()
        let ids = tokenizer.encode([.templated(text)])
        let duration = processorTime() - start
        #expect(duration < limit, "\(name): \(duration)")
        #expect(ids.count > 0 && ids.count <= text.utf8.count + 1)
    }

    /// The time that this thread has run.
    static func processorTime() -> Duration {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    @Test(arguments: texts)
    func `SentencePiece takes a megabyte in linear time`(
        name: String, unit: String
    ) throws {
        Self.check(try TinyVocabulary.sentencePiece().tokenizer(), unit, name)
    }

    @Test(arguments: texts)
    func `every byte-level pattern takes a megabyte in linear time, by a quarter`(
        name: String, unit: String
    ) throws {
        for (_, preTokenizer) in WordPatternTests.preTokenizers {
            var vocabulary = TinyVocabulary.byteLevel(preTokenizer: preTokenizer)
            vocabulary.composes = true
            Self.check(try vocabulary.tokenizer(), unit, name, part: 4)
        }
    }

    @Test(arguments: texts)
    func `ranks take a megabyte in linear time`(name: String, unit: String) throws {
        Self.check(try TinyVocabulary.ranked().tokenizer(), unit, name)
    }

    @Test(arguments: GoldenVocabulary.all)
    func `published vocabularies take a megabyte in linear time`(
        vocabulary: GoldenVocabulary
    ) throws {
        let tokenizer = try vocabulary.load()
        for (name, unit) in Self.texts { Self.check(tokenizer, unit, name) }
    }

    @Test func `bytes that are not UTF-8 are read as U+FFFD`() throws {
        let tokenizer = try TinyVocabulary.byteLevel(merges: []).tokenizer()
        let bytes: [UInt8] = [0x61, 0xFF, 0xE2, 0x82, 0x62, 0xED, 0xA0, 0x80]
        let ids = tokenizer.encode(utf8: bytes, addSpecial: false)
        #expect(tokenizer.decode(ids) == String(decoding: bytes, as: UTF8.self))
    }
}
