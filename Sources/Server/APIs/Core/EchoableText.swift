// SPDX-License-Identifier: Apache-2.0

/// Text of a client as it may stand in an error message or a header.
///
/// Error messages end up in terminals, logs and pages: nothing foreign is repeated raw.
package enum EchoableText {
    /// A name without anything but visible ASCII, at most 64 characters of it.
    package static func of(_ name: String) -> String {
        safe(name, maxCharacters: 64, allowsSpace: false)
    }

    /// A sentence that may quote a client, such as the error of a template: ASCII, at most 300
    /// characters.
    package static func sentence(_ text: String) -> String {
        safe(text, maxCharacters: 300, allowsSpace: true)
    }

    private static func safe(_ text: String, maxCharacters: Int, allowsSpace: Bool) -> String {
        var safe = ""
        for scalar in text.unicodeScalars.prefix(maxCharacters) {
            let isVisible = scalar.value > 0x20 && scalar.value < 0x7F
            let isMarkup = ["<", ">", "&", "\\"].contains(scalar)
            let isQuote = !allowsSpace && ["\"", "'", "`"].contains(scalar)
            let isSpace = allowsSpace && (scalar == " " || scalar == "\n")
            if isSpace {
                safe += " "
            } else {
                safe.unicodeScalars.append(isVisible && !isMarkup && !isQuote ? scalar : "?")
            }
        }
        return text.unicodeScalars.count > maxCharacters ? safe + "..." : safe
    }
}
