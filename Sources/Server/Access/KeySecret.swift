// SPDX-License-Identifier: Apache-2.0

/// A secret as its owner has it: `ck-`, the id of its key, and 32 random bytes with four more that
/// only the key file can make of them.
///
/// By those four a server knows what somebody has made up, for the price of a MAC: scrypt is computed
/// for one in four milliards of them.
struct KeySecret: Hashable, Sendable {
    private static let prefix = "ck-"
    private static let idCount = 16
    private static let byteCount = 32
    private static let checkCount = 4

    /// The id of the key.
    let id: String

    /// The secret.
    let bytes: [UInt8]

    private let check: [UInt8]

    /// A new secret of a key.
    ///
    /// - Parameters:
    ///   - id: the key's.
    ///   - checkKey: the key file's.
    /// - Throws: ``AccessError`` where there is no libcrypto.
    init(of id: String, checkKey: [UInt8]) throws(AccessError) {
        self.id = id
        bytes = Cryptography.randomBytes(Self.byteCount)
        check = try Self.check(id, bytes, checkKey)
    }

    /// Reads what somebody has sent; nil for what is no secret of any file.
    init?(_ text: String) {
        guard text.utf8.count <= 128, text.hasPrefix(Self.prefix) else { return nil }
        let parts = text.dropFirst(Self.prefix.count).split(
            separator: "-", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 2, Self.isID(String(parts[0])), let bytes = Base32.decoded(parts[1]),
            bytes.count == Self.byteCount + Self.checkCount
        else { return nil }
        id = String(parts[0])
        self.bytes = Array(bytes.prefix(Self.byteCount))
        check = Array(bytes.suffix(Self.checkCount))
    }

    /// A new id.
    static func makeID() -> String { Base32.encoded(Cryptography.randomBytes(idCount * 5 / 8)) }

    /// Whether a text can be the id of a key.
    static func isID(_ text: String) -> Bool {
        text.utf8.count == idCount && Base32.decoded(text[...]) != nil
    }

    /// The text for its owner.
    var text: String { "\(Self.prefix)\(id)-\(Base32.encoded(bytes + check))" }

    /// Whether the file with that key may have made it.
    func isPlausible(checkKey: [UInt8]) throws(AccessError) -> Bool {
        Cryptography.isEqual(check, try Self.check(id, bytes, checkKey))
    }

    private static func check(
        _ id: String, _ bytes: [UInt8], _ key: [UInt8]
    ) throws(AccessError) -> [UInt8] {
        Array(try Cryptography.tag(of: Array(id.utf8) + bytes, key: key).prefix(checkCount))
    }
}
