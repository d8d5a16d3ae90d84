// SPDX-License-Identifier: Apache-2.0

/// Why a server cannot start.
package enum HTTPServerError: Error, Equatable, CustomStringConvertible {
    /// A key of the configuration has a value that makes no sense.
    case invalid(key: String, reason: String)
    /// The address cannot be listened on.
    case cannotListen(host: String, port: Int, reason: String)
    /// The server was started before.
    case alreadyStarted

    package var description: String {
        switch self {
        case .invalid(let key, let reason): "\(key): \(reason)"
        case .cannotListen(let host, let port, let reason):
            "cannot listen on \(host) port \(port): \(reason)"
        case .alreadyStarted: "the server was already started"
        }
    }
}
