// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON

/// Of whom what is asked and answered is kept.
package struct AuditContent: Sendable {
    /// Who that is.
    package enum Policy: String, CaseIterable, Sendable {
        /// Nobody.
        case none
        /// Whose key or tenant says so.
        case keys
        /// Everybody.
        case all
    }

    /// Of whom.
    package let policy: Policy

    /// Who can read it.
    package let key: ContentKey

    /// Content that only the owner of a key can read.
    package init(_ policy: Policy, for key: ContentKey) {
        self.policy = policy
        self.key = key
    }

    /// Whether content is kept of somebody.
    func isKept(of limits: AccessLimits) -> Bool {
        switch policy {
        case .none: false
        case .keys: limits.keepsContent
        case .all: true
        }
    }

    /// The member of a record that holds its content.
    private static let member = "content"

    /// A record with its content sealed in it.
    ///
    /// The box is bound to all other members of the record, so that it opens in no other one.
    func seal(_ content: [UInt8], in record: JSONObject) throws(AccessError) -> JSONObject {
        var record = record
        let box = try key.seal(content, boundTo: JSONValue.object(record).serializedBytes())
        record[Self.member] = [
            "key": .string(key.id), "box": .string(Data(box).base64EncodedString()),
        ]
        return record
    }

    /// A record without what is sealed in it: what that is bound to.
    static func without(_ record: JSONObject) -> JSONObject {
        var rest = record
        rest[member] = nil
        return rest
    }

    /// What is sealed in a record, as it stands there; nil where nothing is.
    static func sealed(in record: JSONObject) -> (key: String, box: String, bound: String)? {
        guard let content = record[member], let id = content["key"]?.stringValue,
            let box = content["box"]?.stringValue
        else { return nil }
        return (id, box, JSONValue.object(without(record)).serialized())
    }

    /// The content of a record.
    ///
    /// - Parameters:
    ///   - record: without what chains it to others.
    ///   - path: where it stands, for errors.
    ///   - key: what opens it.
    /// - Returns: what was sealed.
    /// - Throws: ``AccessError`` where there is none, or it does not open.
    static func open(
        _ record: JSONObject, path: String, with key: ContentKey.Private
    ) throws(AccessError) -> [UInt8] {
        func failure(_ expected: String, _ found: String) -> AccessError {
            .invalid(path: path, place: member, expected: expected, found: found)
        }
        guard let content = record[member] else {
            throw failure("content that is kept", "none: it was not kept, or nothing was answered")
        }
        guard let id = content["key"]?.stringValue, let text = content["box"]?.stringValue,
            let box = Data(base64Encoded: text)
        else { throw failure("a key and a box in Base64", content.kindName) }
        guard id == key.publicKey.id else {
            throw failure(
                "content for the key \(key.publicKey.id)",
                ContentKey.isID(id) ? "content for the key \(id)" : "content for another key")
        }
        guard
            let content = try key.open(
                Array(box), boundTo: JSONValue.object(without(record)).serializedBytes())
        else { throw failure("content as it was sealed in this record", "another") }
        return content
    }
}
