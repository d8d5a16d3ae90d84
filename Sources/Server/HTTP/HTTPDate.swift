// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The `Date` field's IMF-fixdate (RFC 9110 §5.6.7), made once a second.
package final class HTTPDate: Sendable {
    private let last = Mutex((second: Int.min, text: ""))

    /// A cache of its own.
    package init() {}

    /// The date of a moment, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
    ///
    /// - Parameter second: whole seconds since 1970 UTC.
    /// - Returns: an IMF-fixdate.
    package func text(at second: Int) -> String {
        last.withLock { last in
            if last.second != second { last = (second, Self.format(second)) }
            return last.text
        }
    }

    private static func format(_ second: Int) -> String {
        let days = Int((Double(second) / 86_400).rounded(.down))
        let rest = second - days * 86_400
        // Civil date of a day count: Howard Hinnant, "chrono-Compatible Low-Level Date
        // Algorithms", years beginning in March.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)

        let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        let weekday = weekdays[((days % 7) + 7) % 7]
        let time = [rest / 3_600, rest / 60 % 60, rest % 60].map(twoDigits).joined(separator: ":")
        return "\(weekday), \(twoDigits(day)) \(months[month - 1]) \(year) \(time) GMT"
    }

    private static func twoDigits(_ number: Int) -> String {
        number < 10 ? "0\(number)" : "\(number)"
    }
}
