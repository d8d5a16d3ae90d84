// SPDX-License-Identifier: Apache-2.0

/// Identities of tool calls, which Mistral's formats want to be nine letters or digits.
package enum ToolCallIdentifier {
    private static let alphabet = Array(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

    /// Whether the identity has nine letters or digits.
    package static func isShort(_ id: String) -> Bool {
        id.utf8.count == 9
            && id.utf8.allSatisfy { byte in
                switch byte {
                case 48...57, 65...90, 97...122: true
                default: false
                }
            }
    }

    /// An identity of nine letters and digits: the same one if it is short already, else a digest
    /// of it (the same for the call and its result, and in every request).
    package static func shortened(_ id: String) -> String {
        if isShort(id) { return id }
        // FNV-1a with a final mix, so that ids that differ in their last digit differ everywhere.
        var value: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in id.utf8 { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
        value = (value ^ (value >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        value ^= value >> 29
        var digits = ""
        for _ in 0..<9 {
            digits.append(alphabet[Int(value % 62)])
            value /= 62
        }
        return digits
    }
}
