// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A model's thoughts as the `encrypted_content` of a reasoning item.
///
/// Clients that let a server store nothing send it back unread with the next request, and some send
/// nothing else of the thoughts. It hides nothing, for the item has the thoughts in clear beside it.
enum SealedThinking {
    private static let prefix = "cierzo1."

    /// The content of an item.
    static func content(_ text: String) -> String {
        prefix + Data(text.utf8).base64EncodedString()
    }

    /// The thoughts, or nil where another server has made the content.
    static func text(of content: String) -> String? {
        guard content.hasPrefix(prefix) else { return nil }
        return Data(base64Encoded: String(content.dropFirst(prefix.count))).flatMap {
            String(validating: $0, as: UTF8.self)
        }
    }
}
