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
        let time = CivilTime(second)
        let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        let weekday = weekdays[((time.dayCount % 7) + 7) % 7]
        let day = CivilTime.twoDigits(time.day)
        return "\(weekday), \(day) \(months[time.month - 1]) \(time.year) \(time.clock) GMT"
    }
}
