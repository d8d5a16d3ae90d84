// SPDX-License-Identifier: Apache-2.0

/// Why a server cannot start.
package enum HTTPServerError: Error, Equatable, CustomStringConvertible {
    /// A key of the configuration has a value that makes no sense.
    case invalid(key: String, reason: String)
    /// The address cannot be listened on.
    case cannotListen(host: String, port: Int, reason: String)
    /// A descriptor that the server was to listen on is nothing to listen on.
    case unusable(descriptor: Int32, reason: String)
    /// The server was started before.
    case alreadyStarted

    package var description: String {
        switch self {
        case .invalid(let key, let reason): "\(key): \(reason)"
        case .cannotListen(let host, _, let reason) where ListeningHost(host).socketPath != nil:
            "cannot listen on \(host): \(reason)"
        case .unusable(let descriptor, let reason):
            "cannot listen on descriptor \(descriptor): \(reason)"
        case .cannotListen(let host, let port, let reason):
            "cannot listen on \(host) port \(port): \(reason)"
        case .alreadyStarted: "the server was already started"
        }
    }
}
