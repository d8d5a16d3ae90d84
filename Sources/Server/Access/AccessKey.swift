// SPDX-License-Identifier: Apache-2.0

import JSON

/// A key: who has it, what it opens, and by what its secrets are known.
package struct AccessKey: Hashable, Sendable {
    /// A part of its secrets, by which it is found; no secret itself.
    package let id: String

    /// What people call it; no two keys of a file have the same name.
    package let name: String

    /// When it was made, in seconds since 1970.
    package let created: Int

    /// When it ends, in seconds since 1970; nil for never.
    package var expires: Int?

    /// What opens it, the newest last.
    package var secrets: [StoredSecret]

    /// What it may do.
    package var limits: AccessLimits

    /// The most secrets that open a key at the same time: one, and while clients change over to it the
    /// one before.
    package static let maxSecrets = 2

    /// The secrets that open it at some time.
    package func liveSecrets(at time: Int) -> [StoredSecret] {
        if let expires, expires <= time { return [] }
        return secrets.filter { $0.isLive(at: time) }
    }

    /// Whether a text can be a name: it stands in logs, tables and paths.
    package static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
                    UInt8(ascii: "."), UInt8(ascii: "@"):
                    true
                default: false
                }
            }
    }

    static let nameExpectation = "1 to 64 letters, digits and . _ - @"
}

/// By what a secret is known: a digest that takes long to make, so that who reads the file still has
/// no key.
package struct StoredSecret: Hashable, Sendable {
    /// When it was made, in seconds since 1970.
    package let created: Int

    /// When it ends; nil for as long as its key lives.
    package var expires: Int?

    let salt: [UInt8]
    let cost: ScryptCost
    let digest: [UInt8]

    /// What is kept of a secret.
    init(_ secret: KeySecret, cost: ScryptCost, created: Int) throws(AccessError) {
        self.created = created
        self.cost = cost
        salt = Cryptography.randomBytes(16)
        digest = try Cryptography.scrypt(secret.bytes, salt: salt, cost: cost)
    }

    fileprivate init(
        created: Int, expires: Int?, salt: [UInt8], cost: ScryptCost, digest: [UInt8]
    ) {
        self.created = created
        self.expires = expires
        self.salt = salt
        self.cost = cost
        self.digest = digest
    }

    /// Whether it opens anything at some time.
    package func isLive(at time: Int) -> Bool { expires.map { $0 > time } ?? true }

    /// Whether it is kept of that secret; takes as long as scrypt does.
    func matches(_ secret: KeySecret) throws(AccessError) -> Bool {
        let digest = try Cryptography.scrypt(secret.bytes, salt: salt, cost: cost)
        return Cryptography.isEqual(digest, self.digest)
    }
}

extension AccessKey {
    private static let times = 0...253_402_300_799

    init(_ object: inout FileObject) throws(AccessError) {
        let text = try object.text("id")
        guard let text, KeySecret.isID(text) else {
            throw object.failure("id", expected: "the id of a key")
        }
        id = text
        let name = try object.text("name")
        guard let name, Self.isName(name) else {
            throw object.failure("name", expected: Self.nameExpectation)
        }
        self.name = name
        created = try object.require(
            "created", object.integer("created", in: Self.times), expected: "seconds since 1970")
        expires = try object.integer("expires", in: Self.times)
        secrets = try object.objects("secrets") { object throws(AccessError) in
            try StoredSecret(&object)
        }
        guard secrets.count <= Self.maxSecrets else {
            throw object.failure(
                "secrets", expected: "at most \(Self.maxSecrets)", found: "\(secrets.count)")
        }
        limits = try AccessLimits(&object)
    }

    var json: JSONValue {
        var members: [(String, JSONValue)] = [
            ("id", .string(id)), ("name", .string(name)), ("created", .integer(created)),
        ]
        if let expires { members.append(("expires", .integer(expires))) }
        members.append(("secrets", .array(secrets.map(\.json))))
        return .object(JSONObject(members + limits.members))
    }
}

extension StoredSecret {
    fileprivate init(_ object: inout FileObject) throws(AccessError) {
        let times = 0...253_402_300_799
        let n = try object.integer("n", in: 2...1 << 20)
        let r = try object.integer("r", in: 1...32)
        let p = try object.integer("p", in: 1...16)
        guard let n, let r, let p, let cost = ScryptCost(n: n, r: r, p: p) else {
            throw object.failure(
                "n", expected: "a cost of scrypt: n (a power of two), r and p, in 256 MiB")
        }
        self.init(
            created: try object.require(
                "created", object.integer("created", in: times), expected: "seconds since 1970"),
            expires: try object.integer("expires", in: times),
            salt: try object.bytes("salt", count: 16), cost: cost,
            digest: try object.bytes("scrypt", count: 32))
    }

    fileprivate var json: JSONValue {
        var members: [(String, JSONValue)] = [("created", .integer(created))]
        if let expires { members.append(("expires", .integer(expires))) }
        members += [
            ("n", .integer(cost.n)), ("r", .integer(cost.r)), ("p", .integer(cost.p)),
            ("salt", .string(Base64URL.encoded(salt))),
            ("scrypt", .string(Base64URL.encoded(digest))),
        ]
        return .object(JSONObject(members))
    }
}
