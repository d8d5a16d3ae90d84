// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import Testing
import Tokenization

/// The comparison with the official tokenizers on every string that make-token-goldens.py wrote to
/// the folder CIERZO_TOKEN_GOLDENS.
@Suite(.enabled(if: GoldenVocabulary.wholeGoldens != nil))
struct WholeGoldenTests {
    @Test(arguments: GoldenVocabulary.all + GoldenVocabulary.others)
    func `ids equal the reference's for every string`(vocabulary: GoldenVocabulary) throws {
        let directory = try #require(GoldenVocabulary.wholeGoldens)
        func read(_ name: String) throws -> [JSONValue] {
            let data = try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\(name).json"))
            return try #require(try JSONParser.parse(Array(data)).arrayValue)
        }
        let texts = try read("strings").compactMap(\.stringValue)
        let expected = try read(vocabulary.name)
        let tokenizer = try vocabulary.load()
        #expect(texts.count == expected.count)
        var equalCount = 0
        var roundTripCount = 0
        for (text, ids) in zip(texts, expected) {
            let reference = (ids.arrayValue ?? []).compactMap { $0.intValue.map(Int32.init) }
            let own = tokenizer.encode(text, addSpecial: false)
            if own == reference {
                equalCount += 1
            } else if texts.count - equalCount < 20 {
                Issue.record("\(text.debugDescription): \(own), not \(reference)")
            }
            if tokenizer.decode(own) == text { roundTripCount += 1 }
        }
        print(
            "\(vocabulary.name): \(equalCount) of \(texts.count) equal, \(roundTripCount) decode back"
        )
        #expect(equalCount == texts.count)
    }
}
