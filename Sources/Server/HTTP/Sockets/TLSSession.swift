// SPDX-License-Identifier: Apache-2.0

import CTLS
import Glibc

/// The server's end of an encrypted connection, which never waits; one thread uses it at a time.
@safe final class TLSSession {
    /// What became of an attempt.
    enum Outcome: Equatable, Sendable {
        case done
        /// Nothing before more has come from the peer.
        case wantsInput
        /// Nothing before the peer has taken some of what was sent.
        case wantsRoom
        /// The peer has ended its side.
        case ended
        /// The peer broke the protocol, or is not trusted.
        case failed(reason: String)
        /// The socket failed.
        case broken(code: Int32)

        fileprivate init(_ outcome: ctls_outcome, _ reason: [CChar] = []) {
            switch outcome {
            case CTLS_DONE: self = .done
            case CTLS_WANTS_INPUT: self = .wantsInput
            case CTLS_WANTS_ROOM: self = .wantsRoom
            case CTLS_ENDED: self = .ended
            case CTLS_BROKEN: self = .broken(code: errno)
            default:
                let text = reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                self = .failed(reason: String(decoding: text, as: UTF8.self))
            }
        }
    }

    private let session: OpaquePointer

    /// Takes a session over.
    @unsafe init(_ session: OpaquePointer) { unsafe self.session = session }

    deinit { unsafe ctls_session_close(session) }

    /// Whether both sides have agreed on how to go on.
    var isEstablished: Bool { unsafe ctls_is_established(session) != 0 }

    /// Whether there is something to read; takes nothing.
    var hasInput: Bool { unsafe ctls_peek(session) == CTLS_DONE }

    /// Agrees with the peer on how to go on.
    func shakeHands() -> Outcome {
        var reason = [CChar](repeating: 0, count: 256)
        let outcome = unsafe ctls_handshake(session, &reason)
        return Outcome(outcome, reason)
    }

    /// Takes what has come.
    func read(maxBytes: Int) -> (bytes: [UInt8], outcome: Outcome) {
        var outcome = Outcome.done
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: maxBytes) { buffer, count in
            var taken = 0
            outcome = Outcome(
                unsafe ctls_read(session, buffer.baseAddress, maxBytes, &taken))
            count = taken
        }
        return (bytes, outcome)
    }

    /// Sends some of the bytes from an offset on.
    func write(_ bytes: [UInt8], from offset: Int) -> (count: Int, outcome: Outcome) {
        var count = 0
        let outcome = unsafe bytes.withUnsafeBytes { buffer in
            Outcome(
                unsafe ctls_write(
                    session, buffer.baseAddress?.advanced(by: offset), bytes.count - offset, &count)
            )
        }
        return (count, outcome)
    }

    /// Says that nothing more will be sent.
    func end() { unsafe ctls_end(session) }
}
