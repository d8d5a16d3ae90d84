// SPDX-License-Identifier: Apache-2.0

/// Patterns of the dates and times of RFC 3339, section 5.6.
enum TimePatterns {
    /// A day of the Gregorian calendar, the 29th of February in leap years only.
    static let date: String = {
        let long = "(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])"
        let short = "(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)"
        let february = "02-(?:0[1-9]|1\\d|2[0-8])"
        let leapYear =
            "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
        return "(?:\\d{4}-(?:\(long)|\(short)|\(february))|\(leapYear)-02-29)"
    }()

    /// A time with its offset; second 60 only where it is 23:59 in UTC.
    static let time: String = {
        let minutes = "(?:[01]\\d|2[0-3]):[0-5]\\d"
        let fraction = "(?:\\.\\d+)?"
        return "(?:\(minutes):[0-5]\\d\(fraction)(?:[Zz]|[+-]\(minutes))"
            + "|(?:23:59:60\(fraction)[Zz]|\(leapSecond)))"
    }()

    /// `HH:MM:60+hh:mm` and `HH:MM:60-hh:mm` in which the local time is that of 23:59 in UTC.
    ///
    /// The conditions on hours and on minutes look at the same text one after the other, so that
    /// there are as many of them as hours and minutes, and not one for each pair.
    private static let leapSecond: String = {
        let fraction = "(?:\\.\\d+)?"
        func choice(_ parts: [String]) -> String { "(?:\(parts.joined(separator: "|")))" }
        // East of Greenwich, a minute less than the offset: the hours are equal unless the
        // minutes of the offset are 00.
        let sameHour = choice(
            (0..<24).map { "\(digits($0)):\\d\\d:60\(fraction)\\+\(digits($0)):\\d\\d" })
        let minuteBefore = choice(
            (1..<60).map { "\\d\\d:\(digits($0 - 1)):60\(fraction)\\+\\d\\d:\(digits($0))" })
        let hourBefore = choice(
            (0..<24).map { "\(digits(($0 + 23) % 24)):59:60\(fraction)\\+\(digits($0)):00" })
        // West of it, what the offset leaves of 23:59.
        let hourLeft = choice(
            (0..<24).map { "\(digits(23 - $0)):\\d\\d:60\(fraction)-\(digits($0)):\\d\\d" })
        let minuteLeft = choice(
            (0..<60).map { "\\d\\d:\(digits(59 - $0)):60\(fraction)-\\d\\d:\(digits($0))" })
        return "(?:(?=\(sameHour)$)\(minuteBefore)|\(hourBefore)|(?=\(hourLeft)$)\(minuteLeft))"
    }()

    private static func digits(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
