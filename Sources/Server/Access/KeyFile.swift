// SPDX-License-Identifier: Apache-2.0

import JSON

/// All keys, as a file of JSON has them; `cierzo keys` writes it, and people may.
package struct KeyFile: Hashable, Sendable {
    private static let version = 1

    /// The largest file that is read.
    private static let maxByteCount = 64 << 20

    /// The keys, in the order in which they were made.
    package private(set) var keys: [AccessKey] = []

    /// Whoever has a token of an issuer, in the order in which they are tried.
    package private(set) var tenants: [Tenant] = []

    /// By what its secrets are told from invented ones.
    let checkKey: [UInt8]

    /// A file without keys.
    package init() { checkKey = Cryptography.randomBytes(32) }

    /// Reads the text of a file.
    ///
    /// - Parameters:
    ///   - bytes: JSON.
    ///   - path: where it comes from, for errors.
    /// - Throws: ``AccessError``, which names the member that is wrong.
    package init(_ bytes: [UInt8], path: String) throws(AccessError) {
        let value: JSONValue
        do {
            value = try JSONParser.parse(
                bytes,
                limits: .init(
                    maxBytes: Self.maxByteCount, maxDepth: 16, rejectsDuplicateKeys: true))
        } catch {
            throw .invalid(path: path, place: "", expected: "JSON", found: "\(error)")
        }
        var object = try FileObject(value, in: path)
        guard try object.integer("version", in: Self.version...Self.version) != nil else {
            throw object.failure("version", expected: "\(Self.version)")
        }
        checkKey = try object.bytes("check", count: 32)
        keys = try object.objects("keys") { object throws(AccessError) in try AccessKey(&object) }
        tenants = try object.objects("tenants") { object throws(AccessError) in
            try Tenant(&object)
        }
        try object.finish()
        for (index, tenant) in tenants.enumerated()
        where tenants[..<index].contains(where: { $0.name == tenant.name }) {
            throw .invalid(
                path: path, place: "tenants[\(index)].name", expected: "a name of its own",
                found: "that of another one")
        }
        var names: [String: Int] = [:]
        var ids: [String: Int] = [:]
        for (index, key) in keys.enumerated() {
            if let other = names.updateValue(index, forKey: key.name)
                ?? ids.updateValue(index, forKey: key.id)
            {
                throw .invalid(
                    path: path, place: "keys[\(index)]", expected: "a name and an id of its own",
                    found: "those of keys[\(other)]")
            }
        }
    }

    /// The text of the file.
    package var bytes: [UInt8] {
        var object: JSONObject = [
            "version": .integer(Self.version), "check": .string(Base64URL.encoded(checkKey)),
            "keys": .array(keys.map(\.json)),
        ]
        if !tenants.isEmpty { object["tenants"] = .array(tenants.map(\.json)) }
        return JSONValue.object(object).serializedBytes(.pretty) + [UInt8(ascii: "\n")]
    }

    /// The key of that name or id.
    package func key(named name: String) throws(AccessError) -> AccessKey {
        guard let key = keys.first(where: { $0.name == name || $0.id == name }) else {
            throw .unknownKey(name)
        }
        return key
    }

    // MARK: Changes

    /// Makes a key.
    ///
    /// - Parameters:
    ///   - name: what people call it.
    ///   - limits: what it may do.
    ///   - expires: when it ends; nil for never.
    ///   - time: the time, in seconds since 1970.
    ///   - cost: what telling its secret costs.
    /// - Returns: the secret, which nothing can tell again.
    /// - Throws: ``AccessError`` for a name that cannot be, or that there is.
    package mutating func add(
        _ name: String, _ limits: AccessLimits, expires: Int?, at time: Int,
        cost: ScryptCost = .standard
    ) throws(AccessError) -> String {
        guard AccessKey.isName(name) else {
            throw .wrong(what: "name", expected: AccessKey.nameExpectation, found: name)
        }
        if keys.contains(where: { $0.name == name || $0.id == name }) { throw .knownKey(name) }
        let id = KeySecret.makeID()
        let secret = try KeySecret(of: id, checkKey: checkKey)
        keys.append(
            AccessKey(
                id: id, name: name, created: time, expires: expires,
                secrets: [try StoredSecret(secret, cost: cost, created: time)], limits: limits))
        return secret.text
    }

    /// Gives a key another secret; the one before opens it a while longer.
    ///
    /// - Parameters:
    ///   - name: the key's.
    ///   - overlap: the seconds for which the secret before still opens it.
    ///   - time: the time, in seconds since 1970.
    ///   - cost: what telling the secret costs.
    /// - Returns: the new secret, which nothing can tell again.
    /// - Throws: ``AccessError`` where there is no such key.
    package mutating func rotate(
        _ name: String, overlap: Int, at time: Int, cost: ScryptCost = .standard
    ) throws(AccessError) -> String {
        let index = try index(of: name)
        let secret = try KeySecret(of: keys[index].id, checkKey: checkKey)
        var old = keys[index].secrets.filter { $0.isLive(at: time) }
            .suffix(AccessKey.maxSecrets - 1)
        for place in old.indices {
            old[place].expires = min(old[place].expires ?? .max, time + overlap)
        }
        let new = try StoredSecret(secret, cost: cost, created: time)
        keys[index].secrets = old.filter { $0.isLive(at: time) } + [new]
        return secret.text
    }

    /// Removes a key.
    package mutating func revoke(_ name: String) throws(AccessError) {
        keys.remove(at: try index(of: name))
    }

    /// Ends the secret of a key that was replaced, before its time.
    ///
    /// - Returns: whether there was one.
    package mutating func revokeOldSecret(of name: String) throws(AccessError) -> Bool {
        let index = try index(of: name)
        guard keys[index].secrets.count > 1 else { return false }
        keys[index].secrets = keys[index].secrets.suffix(1)
        return true
    }

    /// Changes the keys of a file; nobody else does meanwhile.
    ///
    /// - Parameters:
    ///   - file: where they are.
    ///   - makes: whether there need not be a file yet.
    ///   - change: what to do.
    /// - Returns: what it gives.
    /// - Throws: what it throws, or where the file cannot be read or written.
    package static func changing<Result>(
        _ file: PrivateFile, makes: Bool = false,
        _ change: (inout KeyFile) throws(AccessError) -> Result
    ) throws(AccessError) -> Result {
        try file.exclusively { bytes throws(AccessError) in
            var keys =
                if let bytes {
                    try KeyFile(bytes, path: file.path)
                } else if makes {
                    KeyFile()
                } else {
                    try KeyFile(try file.read(), path: file.path)
                }
            let result = try change(&keys)
            let written = keys.bytes
            // What nobody could read again would lock everybody out.
            _ = try KeyFile(written, path: file.path)
            try file.write(written, replacing: bytes != nil, ofFolderOwner: true)
            return result
        }
    }

    private func index(of name: String) throws(AccessError) -> Int {
        guard let index = keys.firstIndex(where: { $0.name == name || $0.id == name }) else {
            throw .unknownKey(name)
        }
        return index
    }
}
