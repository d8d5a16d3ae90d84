// SPDX-License-Identifier: Apache-2.0

/// A moment as people write it, in UTC.
package struct CivilTime: Hashable, Sendable {
    /// The days since 1970-01-01, a Thursday.
    package let dayCount: Int

    /// The year.
    package let year: Int

    /// The month, 1 to 12.
    package let month: Int

    /// The day of the month, 1 to 31.
    package let day: Int

    /// The time of day, such as `08:49:37`.
    package let clock: String

    /// The moment so many seconds after 1970 began.
    package init(_ second: Int) {
        dayCount = Int((Double(second) / 86_400).rounded(.down))
        let rest = second - dayCount * 86_400
        // Civil date of a day count: Howard Hinnant, "chrono-Compatible Low-Level Date
        // Algorithms", years beginning in March.
        let shifted = dayCount + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        clock = [rest / 3_600, rest / 60 % 60, rest % 60].map(Self.twoDigits)
            .joined(separator: ":")
    }

    /// The moment as RFC 3339 has it, such as `1994-11-06T08:49:37Z`.
    package var rfc3339: String {
        let years = String(year)
        let padding = String(repeating: "0", count: max(0, 4 - years.utf8.count))
        return padding + years + "-" + Self.twoDigits(month) + "-" + Self.twoDigits(day) + "T"
            + clock + "Z"
    }

    static func twoDigits(_ number: Int) -> String {
        number < 10 ? "0\(number)" : "\(number)"
    }
}
