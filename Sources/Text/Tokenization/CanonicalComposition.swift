// SPDX-License-Identifier: Apache-2.0

/// Unicode normalization form C.
enum CanonicalComposition {
    /// The composed form of a text in UTF-8.
    static func compose(_ text: [UInt8]) -> [UInt8] {
        text
    }
}
