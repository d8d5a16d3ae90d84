// SPDX-License-Identifier: Apache-2.0

package import Access
import CTransfer
import Foundation
import JSON

/// Tells an address of the operator's that batches have ended, signed as Standard Webhooks have it,
/// which OpenAI's SDKs check.
///
/// What could not be told is tried again, for some hours. Nobody who hands in a batch has a say in where
/// that goes.
package struct BatchNotifier: Sendable {
    /// What is posted.
    package struct Message: Hashable, Sendable {
        /// Where.
        package let url: String

        /// The fields beside the type, which is JSON.
        package let fields: [(name: String, value: String)]

        /// What.
        package let body: [UInt8]

        package static func == (one: Message, other: Message) -> Bool {
            one.url == other.url && one.body == other.body
                && one.fields.map { "\($0.name):\($0.value)" }
                    == other.fields.map { "\($0.name):\($0.value)" }
        }

        package func hash(into hasher: inout Hasher) { hasher.combine(body) }
    }

    /// How many seconds pass before each further try.
    package static let waits = [10, 60, 300, 1800, 7200]

    private let template: String
    private let secret: [UInt8]
    private let report: @Sendable (String) -> Void
    private let send: @Sendable (Message) -> String?

    /// Tells that address; nil where it is none.
    ///
    /// - Parameters:
    ///   - template: an address of HTTP or HTTPS, in which `{id}` and `{status}` stand for the batch's.
    ///   - secret: what signatures are made with, as the receiver knows it.
    ///   - report: is told of what nobody has taken.
    ///   - send: posts a message, and says why it was not taken, if it was not.
    package init?(
        _ template: String, secret: WebhookSecret,
        report: @escaping @Sendable (String) -> Void = { _ in },
        send: @escaping @Sendable (Message) -> String? = Self.post
    ) {
        let sample = template.replacing("{id}", with: "0").replacing("{status}", with: "0")
        guard sample.utf8.count <= 2_048,
            !sample.unicodeScalars.contains(where: { $0.value <= 0x20 }),
            let parts = URLComponents(string: sample),
            ["http", "https"].contains(parts.scheme?.lowercased()),
            let host = parts.host, !host.isEmpty, parts.user == nil, parts.fragment == nil
        else { return nil }
        self.template = template
        self.secret = secret.bytes
        self.report = report
        self.send = send
    }

    /// Tells of the batches whose end is to be told now.
    ///
    /// - Returns: when there may be something to tell again, in seconds since 1970; nil for never.
    func tellEnds(of store: BatchStore) async -> Int? {
        await BatchRunner.onDisk {
            do throws(BatchRefusal) {
                let now = store.unixTime()
                for (batch, tries) in try store.read({ try BatchTable.notices(at: now, in: $0) }) {
                    var next: Int?
                    if let reason = try tell(batch, at: now) {
                        next = tries < Self.waits.count ? now + Self.waits[tries] : nil
                        report(
                            "the end of the batch \(batch.id) was not told"
                                + (next == nil ? ", and will not be" : "") + ": \(reason)")
                    }
                    let due = next
                    try store.write { try BatchTable.noticeTried(batch.id, next: due, in: $0) }
                }
                return try store.read { try BatchTable.nextNotice(in: $0) }
            } catch {
                report("the ends of batches are not told, and will be later: \(error)")
                return store.unixTime() + 30
            }
        }
    }

    private func tell(_ batch: StoredBatch, at now: Int) throws(BatchRefusal) -> String? {
        let event = "evt_" + batch.id.filter { $0 != "-" }
        let body = JSONValue.object([
            "id": .string(event), "object": "event", "created_at": .integer(now),
            "type": .string("batch.\(batch.status.rawValue)"), "data": ["id": .string(batch.id)],
        ]).serializedBytes()
        let signature: [UInt8]
        do throws(AccessError) {
            signature = try Cryptography.tag(
                of: Array("\(event).\(now).".utf8) + body, key: secret)
        } catch {
            throw .store(.disk(reason: "\(error)"))
        }
        return send(
            Message(
                url: template.replacing("{id}", with: batch.id)
                    .replacing("{status}", with: batch.status.rawValue),
                fields: [
                    ("webhook-id", event), ("webhook-timestamp", "\(now)"),
                    ("webhook-signature", "v1," + Data(signature).base64EncodedString()),
                ], body: body))
    }

    /// Posts a message with libcurl.
    package static func post(_ message: Message) -> String? {
        guard let session = unsafe ct_session_open() else {
            return "libcurl.so.4 is missing: install libcurl4"
        }
        defer { unsafe ct_session_close(session) }
        var reason = [CChar](repeating: 0, count: 256)
        var status = 0
        let texts =
            ["Content-Type: application/json"]
            + message.fields.map { "\($0.name): \($0.value)" }
        let lines: [UnsafeMutablePointer<CChar>?] = unsafe texts.map { unsafe strdup($0) }
        defer { unsafe lines.forEach { unsafe free($0) } }
        let outcome = unsafe message.url.withCString { url in
            unsafe "cierzo".withCString { agent in
                unsafe message.body.withUnsafeBytes { bytes in
                    let headers: [UnsafePointer<CChar>?] = unsafe lines.map {
                        unsafe $0.map { line in unsafe UnsafePointer<CChar>(line) }
                    }
                    return unsafe headers.withUnsafeBufferPointer { headers in
                        var request = unsafe ct_request()
                        unsafe request.url = url
                        unsafe request.user_agent = agent
                        unsafe request.headers = headers.baseAddress
                        unsafe request.header_count = headers.count
                        unsafe request.connect_seconds = 5
                        unsafe request.stalled_seconds = 10
                        unsafe request.total_seconds = 10
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
        guard outcome == CT_DONE else {
            let text = reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            return String(decoding: text, as: UTF8.self)
        }
        return (200..<300).contains(status) ? nil : "status \(status)"
    }
}
