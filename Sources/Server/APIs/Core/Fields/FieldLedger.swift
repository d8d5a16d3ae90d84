// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Keeps which fields of bodies were looked at, for the law that an endpoint reads what it declares
/// and declares what it reads.
///
/// Only tests have one; without one, a reader does nothing more.
package final class FieldLedger: Sendable {
    /// The one that readers of this task tell.
    @TaskLocal package static var current: FieldLedger?

    private let known = Mutex<Set<String>>([])

    /// An empty ledger.
    package init() {}

    /// All fields that were looked at, such as `messages[].content`.
    package var paths: Set<String> { known.withLock { $0 } }

    /// Does something whose readers tell a ledger, if there is one.
    static func noting<Value>(
        in ledger: FieldLedger?, _ work: () throws(APIError) -> Value
    ) throws(APIError) -> Value {
        guard let ledger else { return try work() }
        let result: Result<Value, APIError> = $current.withValue(ledger) {
            do throws(APIError) { return .success(try work()) } catch { return .failure(error) }
        }
        return try result.get()
    }

    /// Keeps that a member of the object at a path was looked at.
    func note(_ key: String, in path: FieldPath) {
        var text = ""
        for component in path.components {
            switch component {
            case .key(let key): text += text.isEmpty ? key : "." + key
            case .index: text += "[]"
            case .pointer: return
            }
        }
        text += text.isEmpty ? key : "." + key
        known.withLock { _ = $0.insert(text) }
    }
}
