// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Why a socket operation ended without its result.
package enum SocketError: Error, Equatable, CustomStringConvertible {
    /// Our side has closed or shut down the socket.
    case closed
    /// The peer has closed its side, or reset the connection.
    case peerClosed
    /// The deadline passed.
    case timedOut
    /// The peer and we could not agree on encryption.
    case handshake(reason: String)
    /// ``Socket/interrupt()`` was called.
    case interrupted
    /// A host name or address that cannot be resolved.
    case unresolved(host: String, reason: String)
    /// A Unix socket cannot be made there.
    case unusable(path: String, reason: String)
    /// A system call failed.
    case system(call: String, code: Int32)

    /// The error of the system call that just failed.
    static func last(_ call: String) -> SocketError { failed(call, errno) }

    /// The error of a system call that failed with a code.
    static func failed(_ call: String, _ code: Int32) -> SocketError {
        switch code {
        case ECONNRESET, EPIPE: .peerClosed
        default: .system(call: call, code: code)
        }
    }

    /// Whether another socket holds the address.
    var isAddressInUse: Bool {
        if case .system(_, EADDRINUSE) = self { true } else { false }
    }

    package var description: String {
        switch self {
        case .closed: "the socket is closed"
        case .peerClosed: "the peer has closed the connection"
        case .timedOut: "the peer took too long"
        case .handshake(let reason): "no encryption: \(reason)"
        case .interrupted: "interrupted"
        case .unresolved(let host, let reason): "cannot resolve '\(host)': \(reason)"
        case .unusable(let path, let reason): "\(path): \(reason)"
        case .system(let call, let code): unsafe "\(call): \(String(cString: strerror(code)))"
        }
    }
}
