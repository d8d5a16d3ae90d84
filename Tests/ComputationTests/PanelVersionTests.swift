// SPDX-License-Identifier: Apache-2.0

import Computation
import Parallelism
import Quantization
import Testing

struct PanelVersionTests {
    /// Where this fails because `pack.c` was changed on purpose, raise `WeightMatrix.panelVersion`
    /// too, or packed files of before will be read as what they are not.
    @Test(arguments: [
        (ElementType.q4_0, 0x6D5A_E200_619E_8D15 as UInt64),
        (.q4_1, 0xE3B1_6D8D_5C6F_5EB1),
        (.q5_0, 0x4213_B8EA_2FE7_2D26),
        (.q5_1, 0xA009_C77D_18D2_BBBD),
        (.q8_0, 0xCB2B_3109_FB39_396F),
        (.iq4_nl, 0x6D5A_E200_619E_8D15),
        (.q2_K, 0xE670_539A_B50D_CC72),
        (.q3_K, 0x3212_D792_859A_95CA),
        (.q4_K, 0xCE17_19C3_E3EC_1E13),
        (.q5_K, 0x6806_0D6A_F0E9_5F32),
        (.q6_K, 0x85AA_482B_BFA9_FCC8),
        (.iq4_xs, 0xD7C6_A93A_C295_E63C),
        (.mxfp4, 0xA393_C04A_6F4A_5AA0),
    ])
    func `panels of version 1 have the bytes of version 1`(type: ElementType, expected: UInt64) {
        let (rows, columns) = (70, 768)
        let count = type.byteCount(elements: rows * columns) ?? 0
        var state: UInt32 = 1
        let bytes = (0..<count).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(state >> 24)
        }
        let matrix = WeightMatrix(
            storage: AnonymousMemory(bytes: bytes), byteOffset: 0, type: type, rowCount: rows,
            columnCount: columns)
        #expect(WeightMatrix.panelVersion == 1)
        #expect(
            XXH64.of(matrix.panelBytes(as: type, using: ThreadPool(threadCount: 2))) == expected)
    }
}
