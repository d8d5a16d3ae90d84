// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What webhooks are signed with, in a file that only its owner may read: `whsec_` and base64, as
/// Standard Webhooks write it.
package struct WebhookSecret: Sendable {
    /// The key of the signatures.
    package let bytes: [UInt8]

    /// Reads a file.
    ///
    /// - Throws: ``AccessError`` where it holds no secret of 24 to 64 bytes, or others may read it.
    package init(path: String) throws(AccessError) {
        try Cryptography.require()
        let text = String(
            decoding: try PrivateFile(path).read(maxByteCount: 4096), as: UTF8.self)
        guard let secret = WebhookSecret(text) else {
            throw .invalid(
                path: path, place: "",
                expected: "whsec_ and base64 of 24 to 64 bytes "
                    + "((printf whsec_; openssl rand -base64 32) > FILE)", found: "something else")
        }
        self = secret
    }

    /// Reads a text; nil where it is no secret.
    package init?(_ text: String) {
        let line = text.hasSuffix("\n") ? String(text.dropLast()) : text
        guard line.hasPrefix("whsec_"), let data = Data(base64Encoded: String(line.dropFirst(6))),
            (24...64).contains(data.count)
        else { return nil }
        bytes = Array(data)
    }
}
