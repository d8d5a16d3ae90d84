// SPDX-License-Identifier: Apache-2.0

internal import CCrypto

/// By what the bytes of a file are known.
package enum FileDigest: Hashable, Sendable, CustomStringConvertible {
    /// Of the bytes; in hexadecimal digits.
    case sha256(String)
    /// Of what git keeps of a small file: `blob`, its size, and the bytes.
    case gitBlob(String)

    package var description: String {
        switch self {
        case .sha256(let digits): "sha256:\(digits)"
        case .gitBlob(let digits): "git:\(digits)"
        }
    }

    /// Reads what `description` writes, or nil.
    init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return nil }
        switch parts[0] {
        case "sha256": self.init(sha256: parts[1])
        case "git": self.init(gitBlob: parts[1])
        default: return nil
        }
    }

    init?(sha256 digits: String) {
        guard Self.isHexadecimal(digits, count: 64) else { return nil }
        self = .sha256(digits.lowercased())
    }

    init?(gitBlob digits: String) {
        guard Self.isHexadecimal(digits, count: 40) else { return nil }
        self = .gitBlob(digits.lowercased())
    }

    static func isHexadecimal(_ text: String, count: Int) -> Bool {
        text.utf8.count == count
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
            }
    }
}

/// Computes a digest of bytes that come one after another.
@safe final class RunningDigest {
    private let digest: OpaquePointer
    private let isBlob: Bool
    private var isSound = true

    /// Begins the digest of a file.
    ///
    /// - Parameters:
    ///   - kind: which one; its digits do not matter.
    ///   - byteCount: of the whole file.
    /// - Throws: where libcrypto is missing.
    init(_ kind: FileDigest, byteCount: Int) throws(DownloadError) {
        isBlob = if case .gitBlob = kind { true } else { false }
        guard let digest = unsafe cc_digest_open(isBlob ? CC_SHA1 : CC_SHA256) else {
            throw .missingLibrary(name: "libcrypto.so.3", package: "libssl3")
        }
        unsafe self.digest = digest
        if isBlob { unsafe add(Array("blob \(byteCount)\0".utf8).span.bytes) }
    }

    deinit { unsafe cc_digest_close(digest) }

    func add(_ bytes: RawSpan) {
        guard bytes.byteCount > 0 else { return }
        unsafe bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            if unsafe cc_digest_add(digest, start, source.count) != 0 { isSound = false }
        }
    }

    /// The digest of everything; nothing can be added after that.
    func finish() -> FileDigest? {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return 0 }
            return Int(unsafe cc_digest_finish(digest, start))
        }
        let digits = "0123456789abcdef".map { $0 }
        let text = String(bytes[..<count].flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
        guard isSound else { return nil }
        return isBlob ? FileDigest(gitBlob: text) : FileDigest(sha256: text)
    }
}
