// SPDX-License-Identifier: Apache-2.0

/// Writes expressions of what differs from some texts.
enum Divergence {
    /// An expression of the shortest texts that begin like some of these, but go on like none.
    ///
    /// Texts of ASCII. A reverse solidus goes on like none and is not taken either, so that JSON
    /// strings that are equal but written otherwise do not pass.
    static func expression(from texts: [String]) -> String {
        expression(from: texts.map { Array($0.unicodeScalars) }, at: 0)
    }

    private static func expression(from texts: [[Unicode.Scalar]], at index: Int) -> String {
        let open = texts.filter { index < $0.count }
        let next = Set(open.map { $0[index] }).sorted()
        if next.isEmpty { return "(?!)" }
        let others = "[^\\\\\(next.map(escaped).joined())]"
        let branches = next.map { scalar in
            let rest = open.filter { $0[index] == scalar }
            return (scalar, rest.filter { index + 1 < $0.count })
        }
        let further = branches.compactMap { scalar, rest in
            rest.isEmpty ? nil : escaped(scalar) + expression(from: rest, at: index + 1)
        }
        return "(?:" + ([others] + further).joined(separator: "|") + ")"
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_": String(scalar)
        default: "\\u{" + String(scalar.value, radix: 16) + "}"
        }
    }
}
