// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The memory that the bodies of all connections may take together.
package final class BodyBudget: Sendable {
    /// What all bodies may take beside the budget.
    private static let freeSumByteCount = 64 << 20
    private static let maxFreeByteCount = 64 << 10

    /// What each body takes beside the budget, so that ordinary requests pass while large ones fill it.
    package let freeByteCount: Int

    private let byteCount: Int
    private let used = Mutex(0)

    /// A budget of bytes, for the bodies of so many connections.
    package init(byteCount: Int, connectionCount: Int) {
        self.byteCount = byteCount
        freeByteCount = min(Self.maxFreeByteCount, Self.freeSumByteCount / max(1, connectionCount))
    }

    /// How much of it is taken.
    package var usedByteCount: Int { used.withLock { $0 } }

    fileprivate func take(_ count: Int) -> Bool {
        used.withLock { used in
            guard count <= byteCount - used else { return false }
            used += count
            return true
        }
    }

    fileprivate func giveBack(_ count: Int) { used.withLock { $0 -= count } }
}

/// The part of a budget that one body holds, until the lease goes.
package final class BodyLease: Sendable {
    private let budget: BodyBudget
    private let held = Mutex(0)

    /// A lease of nothing yet.
    package init(of budget: BodyBudget) { self.budget = budget }

    deinit { budget.giveBack(held.withLock { $0 }) }

    /// Takes what a body of so many bytes needs.
    ///
    /// A body for which there is no room is refused rather than made to wait: all of them might
    /// wait for each other.
    ///
    /// - Throws: 503 if the budget has no room.
    package func grow(to byteCount: Int) throws(RequestError) {
        let isGranted = held.withLock { held in
            let missing = byteCount - budget.freeByteCount - held
            guard missing > 0 else { return true }
            guard budget.take(missing) else { return false }
            held += missing
            return true
        }
        guard isGranted else { throw .noRoomForBody }
    }
}
