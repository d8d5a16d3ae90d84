// SPDX-License-Identifier: Apache-2.0

/// What takes a body as it arrives, in place of memory.
///
/// A sink that is dropped before its request reaches a handler has got a body without an end.
package protocol BodySink: Sendable {
    /// The largest body that it takes.
    var maxByteCount: Int { get }

    /// Takes what comes next; nothing more is read of the body until this returns.
    ///
    /// - Parameter bytes: some bytes, inflated and free of their framing.
    /// - Returns: the answer, where the rest of the body makes no difference; nil to go on.
    func take(_ bytes: [UInt8]) async -> ServerResponse?
}

/// Where the body of a request goes.
package enum BodyIntake: Sendable {
    /// Into memory, as a whole.
    case memory

    /// To a sink; the handler gets the request after the end of its body, with the sink in it.
    case sink(any BodySink)

    /// Nowhere.
    case refused(ServerResponse)
}
