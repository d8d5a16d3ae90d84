// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import Tokenization

struct CanonicalCompositionTests {
    static func composed(_ text: String) -> [Unicode.Scalar] {
        let bytes = CanonicalComposition.compose(Array(text.utf8))
        return Array(String(decoding: bytes, as: UTF8.self).unicodeScalars)
    }

    @Test func `marks join their letters, in order of class and unless blocked`() {
        #expect(Self.composed("e\u{301}") == ["\u{E9}"])
        #expect(Self.composed("a\u{323}\u{302}") == ["\u{1EAD}"])
        #expect(Self.composed("a\u{302}\u{323}") == ["\u{1EAD}"])
        #expect(Self.composed("a\u{301}\u{300}") == ["\u{E1}", "\u{300}"])
        #expect(Self.composed("\u{1100}\u{1161}\u{11A8}") == ["\u{AC01}"])
        #expect(Self.composed("\u{AC00}\u{11A8}") == ["\u{AC01}"])
        #expect(Self.composed("\u{212B}\u{2126}") == ["\u{C5}", "\u{3A9}"])
        // Excluded from composition.
        #expect(Self.composed("\u{958}") == ["\u{915}", "\u{93C}"])
    }

    @Test func `every string is composed as Foundation composes it`() throws {
        for text in try Golden.strings() {
            let decomposed = text.decomposedStringWithCanonicalMapping
            let expected = Array(text.precomposedStringWithCanonicalMapping.unicodeScalars)
            #expect(Self.composed(text) == expected)
            #expect(Self.composed(decomposed) == expected)
        }
    }

    @Test func `every character of Unicode 14 is composed as Foundation composes it`() {
        for value in UInt32(0xA0)..<0x30000 {
            guard let scalar = Unicode.Scalar(value), let age = scalar.properties.age,
                age.major <= 14
            else { continue }
            let text = String(scalar)
            let expected = Array(text.precomposedStringWithCanonicalMapping.unicodeScalars)
            if Self.composed(text) != expected {
                Issue.record("U+\(String(value, radix: 16)): \(Self.composed(text)), \(expected)")
            }
        }
    }
}
