// SPDX-License-Identifier: Apache-2.0

import StructuredOutput
import Testing

struct TokenMaskTests {
    @Test func `a mask allows what it was told to`() {
        var mask = TokenMask(tokenCount: 130)
        mask[0] = true
        mask[64] = true
        mask[129] = true
        mask[64] = false
        mask[130] = true
        mask[-1] = true
        #expect(mask[0] && mask[129])
        #expect(!mask[64] && !mask[130] && !mask[-1])
        #expect(mask.count == 2)
    }
}
