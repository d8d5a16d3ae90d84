// SPDX-License-Identifier: Apache-2.0

extension StringProtocol {
    /// The text without the code points at its end that are of that kind; O(n) in what is left out.
    ///
    /// The view of code points is walked by its indices: to drop its last element again and again
    /// takes a walk of the whole text each time.
    func droppingTrailing(_ isDropped: (Unicode.Scalar) -> Bool) -> String {
        let scalars = unicodeScalars
        var end = scalars.endIndex
        while end > scalars.startIndex {
            let last = scalars.index(before: end)
            guard isDropped(scalars[last]) else { break }
            end = last
        }
        return String(self[..<end])
    }
}
