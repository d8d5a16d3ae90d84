// SPDX-License-Identifier: Apache-2.0

import Testing
import Tokenization

@Suite struct TokenIDVocabularyTests {
    let vocabulary = TokenIDVocabulary(count: 20, endTokenIDs: [2, 99, -1])

    @Test func `ids read as their numbers and back`() {
        #expect(vocabulary.decode([3, 19]) == "<3><19>")
        #expect(vocabulary.encode("<3><19>", addSpecial: true) == [3, 19])
    }

    @Test func `ids that do not exist are left out`() {
        #expect(vocabulary.encode("<20><-1><x> 3", addSpecial: true) == [])
        #expect(vocabulary.piece(of: 20) == "")
        #expect(vocabulary.eosTokenIDs == [2])
    }

    @Test func `an end has no text`() {
        #expect(vocabulary.decode([3, 2]) == "<3>")
    }
}
