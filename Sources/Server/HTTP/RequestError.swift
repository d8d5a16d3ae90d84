// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes

/// Why a request cannot be served; the connection closes after the answer.
package enum RequestError: Error, Equatable, CustomStringConvertible {
    /// 400: the bytes are not HTTP/1.x, or could be read in two ways.
    case malformed(String)
    /// 408: the client took too long to send its request.
    case timedOut(String)
    /// 413: the body, as sent or inflated, is larger than this.
    case bodyTooLarge(maxBytes: Int)
    /// 414: the request line is longer than this.
    case requestLineTooLong(maxBytes: Int)
    /// 415: a `Content-Encoding` that we do not decode.
    case unsupportedCoding(String)
    /// 417: an `Expect` other than `100-continue`.
    case unsupportedExpectation(String)
    /// 431: the header section is larger than this.
    case headerTooLarge(limit: String, maximum: Int)
    /// 501: a transfer coding or method that we do not implement.
    case notImplemented(String)
    /// 503: the bodies of other requests take all the memory that there is for bodies.
    case noRoomForBody
    /// 505: not HTTP/1.x.
    case unsupportedVersion(String)

    /// The status that tells the client.
    package var status: HTTPResponse.Status {
        switch self {
        case .malformed: .badRequest
        case .timedOut: .requestTimeout
        case .bodyTooLarge: .contentTooLarge
        case .requestLineTooLong: .uriTooLong
        case .unsupportedCoding: .unsupportedMediaType
        case .unsupportedExpectation: .expectationFailed
        case .headerTooLarge: .requestHeaderFieldsTooLarge
        case .notImplemented: .notImplemented
        case .noRoomForBody: .serviceUnavailable
        case .unsupportedVersion: .httpVersionNotSupported
        }
    }

    package var description: String {
        switch self {
        case .malformed(let reason): "malformed request: \(reason)"
        case .timedOut(let what): "the request took too long: \(what)"
        case .bodyTooLarge(let maxBytes): "the body exceeds \(maxBytes) bytes"
        case .requestLineTooLong(let maxBytes): "the request line exceeds \(maxBytes) bytes"
        case .unsupportedCoding(let coding): "the content coding '\(coding)' is not supported"
        case .unsupportedExpectation(let value): "the expectation '\(value)' cannot be met"
        case .headerTooLarge(let limit, let maximum): "the header exceeds \(maximum) \(limit)"
        case .notImplemented(let what): "\(what) is not implemented"
        case .noRoomForBody:
            "other requests' bodies take all the memory that there is for bodies; try again"
        case .unsupportedVersion(let version): "\(version) is not supported, HTTP/1.1 is"
        }
    }
}
