// SPDX-License-Identifier: Apache-2.0

import Testing
import Tokenization

struct ByteLevelTests {
    @Test func `pairs merge in the order of the list`() throws {
        let tokenizer = try TinyVocabulary.byteLevel().tokenizer()
        #expect(tokenizer.pieces("low lower") == ["low", "Ġlow", "er"])
        #expect(tokenizer.pieces("aaaaaaa") == ["aaaa", "aa", "a"])
        #expect(tokenizer.decode(tokenizer.encode("low é\n€", addSpecial: false)) == "low é\n€")
    }

    @Test func `a word that is a token is not merged where the vocabulary says so`() throws {
        let merges: [(left: String, right: String)] = [("l", "o"), ("o", "w"), ("l", "ow")]
        var vocabulary = TinyVocabulary.byteLevel(merges: merges)
        #expect(try vocabulary.tokenizer().pieces("low") == ["lo", "w"])
        vocabulary.ignoresMerges = true
        #expect(try vocabulary.tokenizer().pieces("low") == ["low"])
    }

    @Test func `ranks merge whatever makes a token, lowest first`() throws {
        let tokenizer = try TinyVocabulary.ranked().tokenizer()
        #expect(tokenizer.pieces("low lower aaaaa") == ["low", " low", "er", " ", "aaaa", "a"])
        #expect(tokenizer.bosTokenID == 1)
        #expect(tokenizer.encode("a", addSpecial: true).first == 1)
    }

    @Test func `a byte that the vocabulary lacks is left out`() throws {
        var vocabulary = TinyVocabulary.byteLevel()
        vocabulary.pieces[0xE2] = "nothing"
        let tokenizer = try vocabulary.tokenizer()
        #expect(tokenizer.encode("a€b", addSpecial: false).count == 4)
    }

    @Test func `control tokens are read out of a template's text only`() throws {
        let tokenizer = try TinyVocabulary.byteLevel().tokenizer()
        let end = try #require(tokenizer.id(ofControl: "<|end|>"))
        #expect(!tokenizer.encode("<|end|>", addSpecial: true).contains(end))
        #expect(tokenizer.encode([.templated("<|end|>"), .text("<|end|>")]).first == end)
        #expect(tokenizer.encode([.templated("<|end|>"), .text("<|end|>")]).count == 8)
        // Not even a name that a message completes.
        #expect(!tokenizer.encode([.templated("<|en"), .text("d|>")]).contains(end))
        #expect(!tokenizer.encode([.text("<|en"), .templated("d|>")]).contains(end))
        #expect(tokenizer.encode([.templated("<|en"), .templated("d|>")]) == [end])
    }

    @Test func `user-defined tokens are read out of every text`() throws {
        let tokenizer = try TinyVocabulary.byteLevel().tokenizer()
        #expect(tokenizer.pieces("a<tool>b") == ["a", "<tool>", "b"])
        #expect(!tokenizer.isControl(tokenizer.encode("<tool>", addSpecial: false)[0]))
    }

    @Test func `neighbouring segments are joined before they are split into words`() throws {
        let tokenizer = try TinyVocabulary.byteLevel().tokenizer()
        let joined = tokenizer.encode("low low", addSpecial: false)
        #expect(tokenizer.encode([.templated("low "), .text("lo"), .text("w")]) == joined)
        #expect(tokenizer.encode([.text(""), .templated("")]) == [])
    }

    @Test func `a control token that does not exist is text`() throws {
        let tokenizer = try TinyVocabulary.byteLevel().tokenizer()
        #expect(tokenizer.encode([.control("low")]) == tokenizer.encode("low", addSpecial: false))
        #expect(tokenizer.id(ofControl: "low") == nil)
    }

    @Test func `ids out of range have no text`() throws {
        let tokenizer = try TinyVocabulary.byteLevel().tokenizer()
        for id in [Int32.min, -1, Int32(tokenizer.vocabularyCount), .max] {
            #expect(tokenizer.bytes(of: id) == [])
            #expect(tokenizer.piece(of: id) == "")
            #expect(!tokenizer.isControl(id))
        }
    }

    @Test func `a merge into something that is no token is an error that names it`() throws {
        var vocabulary = TinyVocabulary.byteLevel()
        vocabulary.merges.append(("x", "y"))
        let error = #expect(throws: TokenizerError.self) { try vocabulary.tokenizer() }
        #expect(error?.description.contains("merge 6") == true)
    }
}
