// SPDX-License-Identifier: Apache-2.0

/// The line by which Claude Code tells Anthropic who pays, the first block of its system prompt:
/// `x-anthropic-billing-header: cc_version=2.1.100.7b4; cc_entrypoint=cli; cch=eb6c6;`.
///
/// It is meant for the server and not for the model, and its `cch` differs from request to request:
/// left in the prompt, it would keep everything after it from being found in the prefix cache.
enum BillingLine {
    private static let name = "x-anthropic-billing-header:"

    /// Whether a whole block is that line and nothing else.
    ///
    /// A text that quotes the line, or goes on after it, is the model's to read.
    static func isWhole(_ text: String) -> Bool {
        guard text.hasPrefix(name) else { return false }
        var line = text.dropFirst(name.count)
        while let last = line.last, last.isWhitespace { line = line.dropLast() }
        guard !line.contains(where: \.isNewline) else { return false }
        let parts = line.split(separator: ";", omittingEmptySubsequences: false)
        // What follows the last semicolon is nothing.
        let pairs = parts.last?.isEmpty == true ? parts.dropLast() : parts[...]
        return !pairs.isEmpty && pairs.allSatisfy(isPair)
    }

    /// Whether it is a name, an equals sign, and a value without spaces.
    private static func isPair(_ text: Substring) -> Bool {
        let pair = text.drop { $0 == " " }
        guard let sign = pair.firstIndex(of: "=") else { return false }
        let name = pair[..<sign]
        return !name.isEmpty
            && name.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "_")
            } && !pair[sign...].contains(where: \.isWhitespace)
    }
}
