// SPDX-License-Identifier: Apache-2.0

import Console
import Testing

@Suite struct ByteTextTests {
    @Test(arguments: [
        (0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (1536, "1.5 KiB"),
        (98_357_248, "93.8 MiB"), (1 << 30, "1.0 GiB"), (5 << 40, "5.0 TiB"),
        (2048 << 40, "2048.0 TiB"), (-1, "-1 bytes"),
    ])
    func `bytes are told in the largest unit that leaves a whole one`(
        count: Int, text: String
    ) {
        #expect(byteText(count) == text)
    }

    @Test(arguments: [
        (0, "0"), (999_999, "999999"), (1_000_000, "1.0 M"), (134_515_008, "134.5 M"),
        (46_702_792_704, "46.70 B"),
    ])
    func `counts are told in millions and billions`(count: Int, text: String) {
        #expect(countText(count) == text)
    }
}
