// SPDX-License-Identifier: Apache-2.0

import Access
import Testing
import cierzo

/// What `cierzo keys` takes for times.
@Suite struct KeyTimeTests {
    @Test(
        arguments: [
            ("0", 0), ("0s", 0), ("90s", 90), ("5m", 300), ("12h", 43_200), ("7d", 604_800),
        ])
    func `a span has a unit`(text: String, seconds: Int) throws {
        #expect(try KeyTime.seconds(text) == seconds)
    }

    @Test(arguments: ["", "7", "d", "-1d", "1.5h", "1w", "100001d", "7 d", "é"])
    func `what is no span is an error`(text: String) {
        #expect(throws: AccessError.self) { try KeyTime.seconds(text) }
    }

    @Test(
        arguments: [
            ("30d", 2_592_100), ("2027-01-15", 1_799_971_200),
            ("2027-01-15T08:00:00Z", 1_800_000_000),
        ])
    func `an end is a span from now, or a time of UTC`(text: String, end: Int) throws {
        #expect(try KeyTime.end(text, from: 100) == end)
    }

    @Test(arguments: ["", "tomorrow", "2027-13-01", "2027-01-32", "15.1.2027"])
    func `what is no end is an error`(text: String) {
        #expect(throws: AccessError.self) { try KeyTime.end(text, from: 0) }
    }

    @Test func `a time is shown in UTC`() {
        #expect(KeyTime.text(1_800_000_000) == "2027-01-15T08:00:00Z")
    }
}
