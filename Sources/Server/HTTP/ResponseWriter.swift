// SPDX-License-Identifier: Apache-2.0

/// Where the body of a streamed response goes.
package struct ResponseWriter: Sendable {
    private let sink: @Sendable ([UInt8]) async throws -> Void

    /// A writer into any sink; tests of handlers collect what is written.
    package init(_ sink: @escaping @Sendable ([UInt8]) async throws -> Void) { self.sink = sink }

    /// Sends bytes at once and returns when the socket has taken them all, however slow the peer.
    ///
    /// Writes from several tasks do not interleave. An empty write does nothing.
    ///
    /// - Throws: `CancellationError` once the task is cancelled, ``SocketError`` once the peer is
    ///   gone or has taken nothing for the write timeout.
    package func write(_ bytes: [UInt8]) async throws {
        try Task.checkCancellation()
        guard !bytes.isEmpty else { return }
        try await sink(bytes)
    }

    /// Sends text as UTF-8; see ``write(_:)-swift.method``.
    package func write(_ text: String) async throws { try await write(Array(text.utf8)) }
}
