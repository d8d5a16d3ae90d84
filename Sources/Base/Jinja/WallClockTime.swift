// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A moment of civil time, for templates that write today's date into a prompt.
package struct WallClockTime: Sendable, Equatable {
    /// Seconds since 1970-01-01T00:00:00Z.
    package var secondsSince1970: Int

    /// The moment that many seconds after the beginning of 1970, UTC.
    package init(secondsSince1970: Int) {
        self.secondsSince1970 = secondsSince1970
    }

    /// The moment now.
    package static var now: WallClockTime {
        WallClockTime(secondsSince1970: Int(Date().timeIntervalSince1970))
    }

    /// The moment in UTC, formatted as C's `strftime` does in the C locale.
    ///
    /// Directives that depend on anything else than the date and time are left as they are.
    package func formatted(_ format: String) -> String {
        var result = ""
        var isDirective = false
        var isUnpadded = false
        for character in format {
            if isDirective {
                if character == "-", !isUnpadded {
                    isUnpadded = true
                    continue
                }
                var text = directive(character)
                if isUnpadded, let number = text.flatMap({ Int($0) }) { text = String(number) }
                result += text ?? "%\(isUnpadded ? "-" : "")\(character)"
                isDirective = false
                isUnpadded = false
            } else if character == "%" {
                isDirective = true
            } else {
                result.append(character)
            }
        }
        return isDirective ? result + "%" : result
    }

    private func directive(_ character: Character) -> String? {
        let (year, month, day) = civilDate
        let hour = secondOfDay / 3600
        switch character {
        case "Y": return String(year)
        case "m": return padded(month)
        case "d": return padded(day)
        case "e": return padded(day, with: " ")
        case "H": return padded(hour)
        case "I": return padded((hour + 11) % 12 + 1)
        case "M": return padded(secondOfDay / 60 % 60)
        case "S": return padded(secondOfDay % 60)
        case "p": return hour < 12 ? "AM" : "PM"
        case "y": return padded(year % 100)
        case "j": return padded(dayOfYear, width: 3)
        case "B": return WallClockTime.months[month - 1]
        case "b", "h": return String(WallClockTime.months[month - 1].prefix(3))
        case "A": return WallClockTime.weekdays[weekday]
        case "a": return String(WallClockTime.weekdays[weekday].prefix(3))
        case "w": return String(weekday)
        case "u": return String(weekday == 0 ? 7 : weekday)
        case "F": return formatted("%Y-%m-%d")
        case "T": return formatted("%H:%M:%S")
        case "D": return formatted("%m/%d/%y")
        case "R": return formatted("%H:%M")
        case "f": return "000000"
        case "s": return String(secondsSince1970)
        case "n": return "\n"
        case "t": return "\t"
        case "%": return "%"
        case "Z", "z": return ""
        default: return nil
        }
    }

    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ]

    private static let weekdays = [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ]

    private var dayNumber: Int { Int((Double(secondsSince1970) / 86_400).rounded(.down)) }

    private var secondOfDay: Int { secondsSince1970 - dayNumber * 86_400 }

    private var weekday: Int { ((dayNumber + 4) % 7 + 7) % 7 }

    /// Year, month and day of the Gregorian calendar.
    ///
    /// - Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
    private var civilDate: (Int, Int, Int) {
        let shifted = dayNumber + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    private var dayOfYear: Int {
        let (year, month, day) = civilDate
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return lengths.prefix(month - 1).reduce(0, +) + day
    }

    private func padded(_ value: Int, width: Int = 2, with filler: String = "0") -> String {
        let text = String(value)
        return String(repeating: filler, count: max(0, width - text.count)) + text
    }
}
