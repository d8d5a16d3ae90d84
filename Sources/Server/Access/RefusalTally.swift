// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
import JSON
import Synchronization

/// Counts requests that anybody can make any number of, to no end: each minute has one record of
/// each kind of them, so that no flood fills a disk.
package final class RefusalTally: Sendable {
    /// Why they came to nothing.
    package enum Reason: String, Sendable {
        /// There was no key, or nobody's.
        case unknownKey = "unknown_key"
        /// There was a token that opens nothing.
        case invalidToken = "invalid_token"
        /// The key's limits were reached.
        case limited
    }

    private struct Kind: Hashable {
        let reason: Reason
        /// Who it was; nil where nobody knows.
        let key: String?
        let name: String?
    }

    private struct Count {
        var requests = 0
        var first: Int
        var last: Int
        var addresses: [String] = []
    }

    private struct State {
        var counts: [Kind: Count] = [:]
        /// In the order in which they came.
        var order: [Kind] = []
        var isScheduled = false
    }

    /// The most records of a minute; those of further keys are counted together.
    private static let maxKinds = 256
    /// The most addresses of a record.
    private static let maxAddresses = 8

    private let log: AuditLog
    private let unixTime: @Sendable () -> Int
    private let state = Mutex(State())

    /// A tally whose counts go to a log.
    ///
    /// - Parameters:
    ///   - log: where they are written.
    ///   - unixTime: the seconds since 1970.
    init(in log: AuditLog, unixTime: @escaping @Sendable () -> Int) {
        self.log = log
        self.unixTime = unixTime
    }

    /// Counts a request; a minute after the first one, all are written.
    ///
    /// - Parameters:
    ///   - reason: why it came to nothing.
    ///   - caller: who it was; nil where nobody knows.
    ///   - address: where it came from.
    package func count(_ reason: Reason, of caller: Caller?, from address: String) {
        let now = unixTime()
        let isFirst = state.withLock { state in
            var kind = Kind(reason: reason, key: caller?.id, name: caller?.name)
            if state.counts[kind] == nil, state.counts.count >= Self.maxKinds {
                kind = Kind(reason: reason, key: nil, name: nil)
            }
            var count = state.counts[kind] ?? Count(first: now, last: now)
            if count.requests == 0 { state.order.append(kind) }
            count.requests += 1
            count.last = now
            if count.addresses.count < Self.maxAddresses, !count.addresses.contains(address) {
                count.addresses.append(address)
            }
            state.counts[kind] = count
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        guard isFirst else { return }
        DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(60)) { [weak self] in
            self?.write()
        }
    }

    /// Writes what was counted since the last time.
    package func write() {
        let counts = state.withLock { state in
            let counts = state.order.map { ($0, state.counts[$0]) }
            state = State()
            return counts
        }
        for (kind, count) in counts {
            guard let count else { continue }
            var record: JSONObject = ["time": .string(AuditLog.text(count.last))]
            record["refused"] = .string(kind.reason.rawValue)
            record["requests"] = .integer(count.requests)
            record["since"] = .string(AuditLog.text(count.first))
            record["key"] = kind.key.map { .string($0) }
            record["name"] = kind.name.map { .string($0) }
            record["from"] = .array(count.addresses.map { .string($0) })
            log.note(AuditLog.Entry(record))
        }
    }
}
