// SPDX-License-Identifier: Apache-2.0

package import JSON
import Synchronization

/// Checks the tokens (JWT, RFC 7519) of one issuer by its keys, which are files: nothing is fetched.
///
/// The key decides how a signature is checked, never the token: of a token that names another way to
/// sign than its key's, or none, nothing more is read.
package final class TokenIssuer: Sendable {
    /// Whose tokens are taken, and how they are checked.
    package struct Configuration: Sendable {
        /// A file of public keys: JWKS or PEM.
        package var keyFile: String?

        /// A file of the secret of HS256, which only its owner may read.
        package var secretFile: String?

        /// The `iss` that a token must have.
        package var issuer: String

        /// What the `aud` of a token must be or hold.
        package var audience: String

        /// How many seconds clocks may differ.
        package var leeway: Int

        /// A configuration.
        package init(
            keyFile: String?, secretFile: String?, issuer: String, audience: String, leeway: Int
        ) {
            self.keyFile = keyFile
            self.secretFile = secretFile
            self.issuer = issuer
            self.audience = audience
            self.leeway = leeway
        }
    }

    private struct NamedKey: Sendable {
        let id: String?
        let key: PublicKey
    }

    private struct State {
        var keys: [NamedKey] = []
        var secret: [UInt8]?
        var versions: [PrivateFile.Version?] = []
    }

    /// The longest token that is looked at.
    private static let maxByteCount = 16 << 10
    private static let maxKeys = 64
    private static let minSecretByteCount = 32

    private let configuration: Configuration
    private let unixTime: @Sendable () -> Int
    private let state = Mutex(State())
    private let reading = Mutex(())

    /// Reads the files.
    ///
    /// - Parameters:
    ///   - configuration: whose tokens are taken.
    ///   - unixTime: the seconds since 1970.
    /// - Throws: ``AccessError`` where a file cannot be used.
    package init(
        _ configuration: Configuration, unixTime: @escaping @Sendable () -> Int
    ) throws(AccessError) {
        try Cryptography.require()
        self.configuration = configuration
        self.unixTime = unixTime
        if case .kept(let error) = reload(always: true) { throw error }
    }

    /// Reads the files again if one has changed.
    ///
    /// - Parameter always: whether also if they seem to be as they were.
    /// - Returns: what came of it.
    package func reload(always: Bool = false) -> KeyRing.Change {
        reading.withLock { _ in
            let paths = [configuration.keyFile, configuration.secretFile].compactMap { $0 }
            let versions = paths.map { PrivateFile($0).version }
            let isNew = state.withLock { state in
                guard always || versions != state.versions else { return false }
                state.versions = versions
                return true
            }
            guard isNew else { return .none }
            do throws(AccessError) {
                let keys = try readKeys()
                let secret = try readSecret()
                state.withLock { state in
                    state.keys = keys
                    state.secret = secret
                }
                return .loaded(keyCount: keys.count + (secret == nil ? 0 : 1))
            } catch {
                return .kept(error)
            }
        }
    }

    private func readKeys() throws(AccessError) -> [NamedKey] {
        guard let path = configuration.keyFile else { return [] }
        // Everybody may read public keys, but nobody else may put his own there.
        let bytes = try PrivateFile(path).read(maxByteCount: 1 << 20, forbidding: 0o022)
        let keys = try Self.keys(in: bytes, path: path)
        guard (1...Self.maxKeys).contains(keys.count) else {
            throw .invalid(
                path: path, place: "",
                expected: "1 to \(Self.maxKeys) public keys of RS256, ES256 or EdDSA",
                found: "\(keys.count)")
        }
        return keys
    }

    /// Counts the keys for signatures that a file of public keys holds.
    ///
    /// - Parameters:
    ///   - bytes: JWKS or PEM.
    ///   - path: what errors call the file.
    /// - Returns: their number, without keys that are for other things.
    /// - Throws: ``AccessError`` where the file cannot be used.
    package static func keyCount(in bytes: [UInt8], path: String) throws(AccessError) -> Int {
        try keys(in: bytes, path: path).count
    }

    private static func keys(in bytes: [UInt8], path: String) throws(AccessError) -> [NamedKey] {
        let text = String(decoding: bytes, as: UTF8.self)
        if text.contains("-----BEGIN") {
            return try PublicKey.keys(inPEM: text, path: path).map { NamedKey(id: nil, key: $0) }
        }
        let value: JSONValue
        do {
            value = try JSONParser.parse(
                bytes, limits: .init(maxDepth: 16, rejectsDuplicateKeys: true))
        } catch {
            throw .invalid(path: path, place: "", expected: "JWKS or PEM", found: "\(error)")
        }
        guard let list = value["keys"]?.arrayValue else {
            throw .invalid(path: path, place: "keys", expected: "a list", found: "none")
        }
        var keys: [NamedKey] = []
        for (index, value) in list.enumerated() {
            let place = "keys[\(index)]"
            guard let object = value.objectValue else {
                throw .invalid(
                    path: path, place: place, expected: "an object", found: value.kindName)
            }
            if let key = try PublicKey.key(inJWK: object, path: path, place: place) {
                keys.append(NamedKey(id: object["kid"]?.stringValue, key: key))
            }
        }
        return keys
    }

    private func readSecret() throws(AccessError) -> [UInt8]? {
        guard let path = configuration.secretFile else { return nil }
        var bytes = try PrivateFile(path).read(maxByteCount: 1 << 12)
        // Editors end every file with one.
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        guard bytes.count >= Self.minSecretByteCount else {
            throw .invalid(
                path: path, place: "",
                expected: "a secret of at least \(Self.minSecretByteCount) bytes",
                found: "\(bytes.count) bytes")
        }
        if String(decoding: bytes, as: UTF8.self).contains("-----BEGIN") {
            throw .invalid(
                path: path, place: "", expected: "a secret",
                found: "PEM, which everybody may have")
        }
        return bytes
    }

    // MARK: Tokens

    /// Whether a text looks like a token, and not like a key.
    package static func isToken(_ text: String) -> Bool {
        text.utf8.count(where: { $0 == UInt8(ascii: ".") }) == 2
    }

    /// The claims of a token.
    ///
    /// - Parameter text: what a request came with.
    /// - Returns: all claims; `sub` is a text.
    /// - Throws: ``TokenRefusal``.
    package func claims(of text: String) throws(TokenRefusal) -> JSONObject {
        guard text.utf8.count <= Self.maxByteCount else { throw .malformed }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Self.object(parts[0]),
            let signature = Base64URL.decoded(parts[2])
        else { throw .malformed }
        // What it says must be understood is not.
        guard header["crit"] == nil, let name = header["alg"]?.stringValue,
            let algorithm = SigningAlgorithm(rawValue: name)
        else { throw .algorithm }
        let message = Array((parts[0] + "." + parts[1]).utf8)
        try check(signature, of: message, algorithm, by: header["kid"]?.stringValue)
        guard let claims = Self.object(parts[1]) else { throw .malformed }
        try check(claims)
        return claims
    }

    private static func object(_ part: Substring) -> JSONObject? {
        guard let bytes = Base64URL.decoded(part),
            let value = try? JSONParser.parse(
                bytes, limits: .init(maxDepth: 16, maxValues: 4096, rejectsDuplicateKeys: true))
        else { return nil }
        return value.objectValue
    }

    private func check(
        _ signature: [UInt8], of message: [UInt8], _ algorithm: SigningAlgorithm, by id: String?
    ) throws(TokenRefusal) {
        let (keys, secret) = state.withLock { ($0.keys, $0.secret) }
        if algorithm == .hs256 {
            guard let secret else { throw .algorithm }
            guard let tag = try? Cryptography.tag(of: message, key: secret),
                Cryptography.isEqual(tag, signature)
            else { throw .signature }
            return
        }
        let able = keys.filter { $0.key.algorithm == algorithm }
        if able.isEmpty { throw .algorithm }
        // A key without a name may be anybody's.
        let named = id.map { id in able.filter { $0.id == id || $0.id == nil } } ?? able
        guard named.contains(where: { $0.key.hasSigned(message, signature) }) else {
            throw .signature
        }
    }

    private func check(_ claims: JSONObject) throws(TokenRefusal) {
        guard let issuer = claims["iss"]?.stringValue else { throw .missing("iss") }
        guard issuer == configuration.issuer else { throw .issuer }
        guard let audience = claims["aud"] else { throw .missing("aud") }
        let audiences = audience.arrayValue ?? [audience]
        guard audiences.contains(.string(configuration.audience)) else { throw .audience }
        let now = Double(unixTime())
        let leeway = Double(configuration.leeway)
        guard let end = claims["exp"]?.doubleValue else { throw .missing("exp") }
        guard now < end + leeway else { throw .expired }
        if let value = claims["nbf"] {
            guard let start = value.doubleValue else { throw .malformed }
            guard now >= start - leeway else { throw .early }
        }
        guard let subject = claims["sub"]?.stringValue, (1...256).contains(subject.utf8.count)
        else { throw .missing("sub") }
    }
}
