// SPDX-License-Identifier: Apache-2.0

import Quantization
import Testing

@Suite struct ElementTypeTests {
    @Test(arguments: ElementType.allCases)
    func `the GGUF number leads back to the type`(type: ElementType) {
        #expect(ElementType(ggufType: type.ggufType) == type)
    }

    @Test func `an unknown GGUF number is no type`() {
        #expect(ElementType(ggufType: 4) == nil)
        #expect(ElementType(ggufType: .max) == nil)
    }

    @Test(arguments: ElementType.allCases)
    func `a byte count is nil for broken blocks and for what overflows`(type: ElementType) {
        #expect(type.byteCount(elements: 0) == 0)
        #expect(type.byteCount(elements: type.elementsPerBlock * 3) == type.bytesPerBlock * 3)
        #expect(type.byteCount(elements: -type.elementsPerBlock) == nil)
        if type.elementsPerBlock > 1 { #expect(type.byteCount(elements: 33) == nil) }
        if type.bytesPerBlock > type.elementsPerBlock {
            #expect(type.byteCount(elements: Int.max / 256 * 256) == nil)
        }
    }

    @Test func `names are written as in model files`() {
        #expect(ElementType.q4_K.name == "Q4_K")
        #expect(ElementType.iq4_nl.name == "IQ4_NL")
        #expect(ElementType.bf16.name == "BF16")
    }
}
