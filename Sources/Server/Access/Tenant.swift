// SPDX-License-Identifier: Apache-2.0

import JSON

/// What whoever has a token with certain claims may do.
package struct Tenant: Hashable, Sendable {
    /// What people call it; no two tenants of a file have the same name.
    package let name: String

    /// The claims that a token must have: texts, numbers, truths, or one of a list of the token's.
    let claims: [String: JSONValue]

    /// What each subject may do.
    package let limits: AccessLimits

    /// Whether a token's claims are of this tenant.
    func matches(_ token: JSONObject) -> Bool {
        claims.allSatisfy { name, value in
            guard let found = token[name] else { return false }
            return found == value || found.arrayValue?.contains(value) ?? false
        }
    }

    init(_ object: inout FileObject) throws(AccessError) {
        let name = try object.text("name")
        guard let name, AccessKey.isName(name) else {
            throw object.failure("name", expected: AccessKey.nameExpectation)
        }
        self.name = name
        guard let members = try object.members("claims") else {
            throw object.failure("claims", expected: "the claims of its tokens")
        }
        var claims: [String: JSONValue] = [:]
        for (name, value) in members {
            switch value {
            case .string, .integer, .bool: claims[name] = value
            default:
                throw object.failure(
                    "claims", expected: "texts, whole numbers, true or false",
                    found: value.kindName)
            }
        }
        self.claims = claims
        limits = try AccessLimits(&object)
    }

    var json: JSONValue {
        let claims = claims.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        return .object(
            JSONObject(
                [("name", .string(name)), ("claims", .object(JSONObject(claims)))]
                    + limits.members))
    }
}
