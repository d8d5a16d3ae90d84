// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Synchronization

/// Gives a team of threads to one caller at a time, for a region or for many.
///
/// Among callers that wait, the one comes next whose party has had the least time for its share; a
/// party that was away does not make up for it. So two models that compute at the same time get
/// their parts of it, however long the steps of either take, and none of them waits for more than
/// one turn of each other with the same share.
// Safety: all that changes is changed under `lock`, but for `holder`, which is atomic.
@safe final class TeamTurns: @unchecked Sendable {
    /// Who takes turns.
    // Safety: as above; under the lock of the turns that it takes part in.
    final class Party: @unchecked Sendable {
        /// How much of the time it gets, next to the shares of others.
        let share: UInt64
        /// The time that it has had, for each unit of its share, in nanoseconds.
        fileprivate var time: UInt64 = 0

        init(share: Int) { self.share = UInt64(max(1, share)) }
    }

    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    /// The thread that has the turn; 0 where none has, or does not know of it yet.
    private let holder = Atomic<UInt>(0)
    private var isTaken = false
    private var began: UInt64 = 0
    /// Those who wait, in the order in which they came.
    private var waiting: [(ticket: UInt64, party: Party)] = []
    private var nextTicket: UInt64 = 1
    /// Who of them has got the turn.
    private var granted: UInt64 = 0
    /// The time of the party that got the last turn: those that come later begin there.
    private var time: UInt64 = 0

    init() {
        unsafe lock = .allocate(capacity: 1)
        unsafe pthread_mutex_init(lock, nil)
        unsafe condition = .allocate(capacity: 1)
        unsafe pthread_cond_init(condition, nil)
        waiting.reserveCapacity(16)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe condition.deallocate()
        unsafe pthread_mutex_destroy(lock)
        unsafe lock.deallocate()
    }

    /// Whether the calling thread has the turn.
    var isCallers: Bool { holder.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// Waits for the turn.
    ///
    /// - Precondition: the calling thread does not have it.
    func take(_ party: Party) {
        unsafe pthread_mutex_lock(lock)
        if isTaken {
            let ticket = nextTicket
            nextTicket += 1
            waiting.append((ticket, party))
            while granted != ticket { unsafe pthread_cond_wait(condition, lock) }
        } else {
            isTaken = true
        }
        time = max(time, party.time)
        party.time = time
        began = Self.nanoseconds()
        holder.store(UInt(pthread_self()), ordering: .relaxed)
        unsafe pthread_mutex_unlock(lock)
    }

    /// Gives the turn to the next.
    ///
    /// - Precondition: the calling thread has it.
    func give(_ party: Party) {
        unsafe pthread_mutex_lock(lock)
        holder.store(0, ordering: .relaxed)
        party.time += (Self.nanoseconds() - began) / party.share
        if waiting.isEmpty {
            isTaken = false
        } else {
            var next = 0
            for index in waiting.indices.dropFirst()
            where max(waiting[index].party.time, time) < max(waiting[next].party.time, time) {
                next = index
            }
            granted = waiting.remove(at: next).ticket
            unsafe pthread_cond_broadcast(condition)
        }
        unsafe pthread_mutex_unlock(lock)
    }

    private static func nanoseconds() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
