// SPDX-License-Identifier: Apache-2.0

internal import CTransfer
import Foundation

/// Where a collector takes traces (OTLP over HTTP).
package struct CollectorAddress: Hashable, Sendable {
    /// The address that batches are sent to.
    package let text: String

    /// Reads the base of a collector's address, below which `/v1/traces` is.
    ///
    /// - Returns: nil unless it is one of HTTP or HTTPS without a user, a query or a fragment.
    package init?(_ base: String) {
        guard base.utf8.count <= 2_048, !base.unicodeScalars.contains(where: { $0.value <= 0x20 }),
            let parts = URLComponents(string: base),
            ["http", "https"].contains(parts.scheme?.lowercased()),
            let host = parts.host, !host.isEmpty, parts.user == nil, parts.query == nil,
            parts.fragment == nil
        else { return nil }
        text = (base.hasSuffix("/") ? String(base.dropLast()) : base) + "/v1/traces"
    }
}

/// A connection to a collector, which one thread uses.
@safe package final class CollectorConnection {
    private let address: CollectorAddress
    private let session: OpaquePointer?
    private let secondsToAnswer: Int

    /// A connection that is made with the first batch.
    ///
    /// - Parameters:
    ///   - address: where batches are posted.
    ///   - secondsToAnswer: after how many seconds without an answer a batch counts as not taken.
    package init(to address: CollectorAddress, secondsToAnswer: Int = 10) {
        self.address = address
        self.secondsToAnswer = secondsToAnswer
        unsafe session = ct_session_open()
    }

    deinit { unsafe ct_session_close(session) }

    /// Sends a batch.
    ///
    /// - Parameter body: JSON.
    /// - Returns: why the collector has not taken it, or nil.
    package func send(_ body: [UInt8]) -> String? {
        guard let session = unsafe session else {
            return "libcurl.so.4 is missing: install libcurl4"
        }
        var reason = [CChar](repeating: 0, count: 256)
        var status = 0
        let outcome = unsafe address.text.withCString { url in
            unsafe "Content-Type: application/json".withCString { type in
                unsafe "cierzo".withCString { agent in
                    unsafe body.withUnsafeBytes { bytes in
                        let headers: [UnsafePointer<CChar>?] = unsafe [type]
                        return unsafe headers.withUnsafeBufferPointer { lines in
                            var request = unsafe ct_request()
                            unsafe request.url = url
                            unsafe request.user_agent = agent
                            unsafe request.headers = lines.baseAddress
                            unsafe request.header_count = lines.count
                            unsafe request.connect_seconds = 5
                            unsafe request.stalled_seconds = secondsToAnswer
                            unsafe request.total_seconds = secondsToAnswer
                            unsafe request.allows_plain = 1
                            unsafe request.body = bytes.baseAddress
                            unsafe request.body_count = bytes.count
                            // Nobody reads what it answers.
                            unsafe request.on_header = { _, _, _ in 0 }
                            unsafe request.on_body = { _, _, _ in 0 }
                            return unsafe ct_ask(session, &request, &status, &reason)
                        }
                    }
                }
            }
        }
        guard outcome == CT_DONE else {
            let text = reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            return "\(address.text): " + String(decoding: text, as: UTF8.self)
        }
        return (200..<300).contains(status) ? nil : "\(address.text): status \(status)"
    }
}
