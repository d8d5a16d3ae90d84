// SPDX-License-Identifier: Apache-2.0

import CTLS

/// The files that make a server speak TLS, all in PEM.
package struct TLSFiles: Sendable, Equatable {
    /// The server's certificate, followed by those that it was issued by.
    package var certificate: String?
    /// The private key that belongs to it, without a password.
    package var key: String?
    /// The authorities that clients' certificates must come from; nil where clients need none.
    package var clientAuthorities: String?

    /// Plain HTTP.
    package init(certificate: String? = nil, key: String? = nil, clientAuthorities: String? = nil) {
        self.certificate = certificate
        self.key = key
        self.clientAuthorities = clientAuthorities
    }

    /// Whether any of them is there.
    package var isWanted: Bool { self != TLSFiles() }
}

/// A certificate with its key and whom it trusts, as they were when their files were read.
///
/// Connections that began with it go on with it, whatever becomes of the files.
// Safety: nothing changes the context once it is made, and libssl counts its users by atomics.
@safe package final class TLSContext: @unchecked Sendable {
    private let context: OpaquePointer
    /// How many days the certificate is still valid; negative when it is not any more.
    package let daysLeft: Int

    /// Reads the files.
    ///
    /// - Throws: ``HTTPServerError/invalid(key:reason:)`` with the setting's name.
    package init(_ files: TLSFiles) throws(HTTPServerError) {
        guard let certificate = files.certificate else {
            throw .invalid(
                key: "tls-cert", reason: "it is needed where another tls- setting is set")
        }
        guard let key = files.key else {
            throw .invalid(key: "tls-key", reason: "it is needed where tls-cert is set")
        }
        var problem = CTLS_NO_LIBRARY
        var reason = [CChar](repeating: 0, count: 256)
        let opened: OpaquePointer?
        if let authorities = files.clientAuthorities {
            unsafe opened = ctls_context_open(certificate, key, authorities, &problem, &reason)
        } else {
            unsafe opened = ctls_context_open(certificate, key, nil, &problem, &reason)
        }
        guard let context = unsafe opened else {
            let text = String(
                decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            switch problem {
            case CTLS_BAD_KEY: throw .invalid(key: "tls-key", reason: "\(key): \(text)")
            case CTLS_BAD_AUTHORITIES:
                throw .invalid(
                    key: "tls-client-ca", reason: "\(files.clientAuthorities ?? ""): \(text)")
            case CTLS_BAD_CERTIFICATE:
                throw .invalid(key: "tls-cert", reason: "\(certificate): \(text)")
            default: throw .invalid(key: "tls-cert", reason: text)
            }
        }
        unsafe self.context = context
        daysLeft = unsafe ctls_context_days_left(context)
    }

    deinit { unsafe ctls_context_close(context) }

    /// The server's end of a connection; nil without memory for it.
    func makeSession(_ descriptor: Int32) -> TLSSession? {
        guard let session = unsafe ctls_session_open(context, descriptor) else { return nil }
        return unsafe TLSSession(session)
    }
}
