// SPDX-License-Identifier: Apache-2.0

import Recognition
import Testing

struct ExactNumberTests {
    private func number(_ text: String) throws -> ExactNumber {
        try #require(ExactNumber(text))
    }

    @Test(arguments: [
        ["1", "1.0", "10e-1", "0.1E1", "1e0", "0.001e+3", "100e-2"],
        ["0", "-0", "0.000", "0e99999999999999999999", "-0.0e-5"],
        ["-120", "-1.2e2", "-12E1", "-120.00"],
        ["123456789012345678901234567890", "1234567890.1234567890123456789e20"],
        ["1e1000000000", "10e999999999", "0.1e1000000001"],
    ])
    func `the same value is the same number`(texts: [String]) throws {
        let numbers = try texts.map(number)
        #expect(Set(numbers).count == 1)
    }

    @Test func `numbers are in order`() throws {
        let texts = [
            "-1e1000000000", "-123456789012345678901234567891", "-123456789012345678901234567890",
            "-18446744073709551616", "-18446744073709551615", "-2", "-1.5", "-1e-400", "0",
            "1e-1000000000", "1e-400", "0.1", "0.30000000000000004", "0.3000000000000000401", "1",
            "9007199254740992", "9007199254740993", "18446744073709551615",
            "18446744073709551615.5", "18446744073709551616", "99999999999999999999", "1e20",
            "1e400", "1e1000000000",
        ]
        let numbers = try texts.map(number)
        for (index, number) in numbers.enumerated() {
            for (otherIndex, other) in numbers.enumerated() {
                #expect((number < other) == (index < otherIndex))
                #expect((number == other) == (index == otherIndex))
            }
        }
    }

    @Test(arguments: [
        ("1", true), ("1.0", true), ("1.5", false), ("15e-1", false), ("1e-1000000000", false),
        ("1e1000000000", true), ("0.0", true), ("123456789012345678901234567890.5", false),
    ])
    func `whole numbers are told from fractions`(text: String, isInteger: Bool) throws {
        #expect(try number(text).isInteger == isInteger)
    }

    @Test(arguments: [
        ("0.3", "0.1", true), ("4.35", "0.01", true), ("0.0075", "0.0001", true),
        ("0.00751", "0.0001", false), ("7", "2", false), ("-8", "2", true), ("0", "7", true),
        ("1e308", "0.123456789", false), ("1e1000000000", "7", false),
        ("1e1000000000", "1024", true), ("1e1000000000", "1e-1000000000", true),
        ("1e9", "9223372036854775808", false), ("1e63", "9223372036854775808", true),
        ("12345678901234567890123456789000", "123456789012345678901234567890", true),
        ("246913578024691357802469135780", "123456789012345678901234567890", true),
        ("246913578024691357802469135781", "123456789012345678901234567890", false),
        ("1e200", "1267650600228229401496703205376", true),
        ("3e90", "1267650600228229401496703205376", false), ("5", "0", false), ("0", "0", true),
    ])
    func `multiples are exact`(text: String, unit: String, expected: Bool) throws {
        #expect(try number(text).isMultiple(of: number(unit)) == expected)
    }

    @Test func `integers convert`() throws {
        for value in [0, 7, -120, Int.max, Int.min, 1_000_000] {
            #expect(ExactNumber(value).intValue == value)
            #expect(try number(String(value)) == ExactNumber(value))
        }
        #expect(try number("9223372036854775808").intValue == nil)
        #expect(try number("1.5").intValue == nil)
        #expect(ExactNumber(0.1) == ExactNumber("0.1"))
        #expect(ExactNumber(Double.infinity) == nil)
    }

    @Test(arguments: [
        ("1200", "1200"), ("1.20", "1.2"), ("-0.05", "-0.05"), ("5e30", "5e30"), ("0.0", "0"),
        ("-5e-30", "-5e-30"), ("12e-1", "1.2"),
    ])
    func `a number describes itself in decimal`(text: String, description: String) throws {
        #expect(try number(text).description == description)
    }

    @Test(arguments: ["", "-", ".5", "1.", "1e", "1e+", "+1", "0x1", "1 ", "1.2.3", "NaN"])
    func `what is no number is refused`(text: String) {
        #expect(ExactNumber(text) == nil)
    }
}
