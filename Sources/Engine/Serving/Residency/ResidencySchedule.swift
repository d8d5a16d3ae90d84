// SPDX-License-Identifier: Apache-2.0

/// Decides which models are in memory: what to load, what to unload, and who may go on.
///
/// It does nothing itself and looks at no clock: what happened is told to it with the time, and
/// ``decide(at:isIdle:isQuiet:)`` says what is to be done.
///
/// A model gets memory in the order in which its first request came. What it needs beyond what is
/// free comes from idle models, the least recently used first; where those do not suffice, and it
/// has waited for some time, busy models stop taking new requests, which then wait in turn, and are
/// unloaded when those that they have are done. So nobody starves, however busy another model is.
///
/// The background gives way to all others here, too: its requests take no place of theirs in a queue,
/// have a model unloaded only where nobody else has used it for ``quietTime``, and never make one drain
/// that anybody else uses. A model that has nothing but the background to do is idle to everybody else.
/// Models that only the background uses take turns.
package struct ResidencySchedule {
    /// A time.
    package typealias Instant = ContinuousClock.Instant

    /// Somebody who waits for a model.
    package struct Waiter: Sendable {
        /// What no other waiter has.
        package let id: UInt64
        /// How many places of the model's queue it takes.
        let count: Int
        /// Whether it gives way to all others.
        package let isBackground: Bool
        let since: Instant
        /// When its answer is of no use any more.
        let deadline: Instant?
        /// Is called once: the model is in memory and stays there during the call, or why not.
        package let resume: @Sendable (Result<Void, ServingError>) -> Void
    }

    /// What is to be done.
    package enum Action: Sendable {
        /// Loading of a model begins; its memory is counted from now on.
        case load(Int)
        /// Unloading begins; the memory counts until ``ResidencySchedule/noteUnloaded(_:)``.
        case unload(Int, because: String)
        /// Those who waited for a model go on; the model has one use more, for the time of that.
        case resume(Int, [Waiter])
        /// Somebody waits no longer.
        case refuse(Waiter, ServingError)
    }

    /// How a model is entered.
    package enum Entrance {
        /// It is in memory, and stays there until the use ends.
        case entered
        /// It is not; whoever wants it must wait.
        case mustWait
        /// It cannot be had now.
        case refused(ServingError)
    }

    /// One model.
    package struct Entry {
        /// Where it is.
        package enum Status: Sendable {
            case unloaded, loading, loaded, unloading
        }

        let name: String

        /// What it takes in memory.
        package fileprivate(set) var byteCount: Int

        /// Whether it never makes room for others.
        package let isPinned: Bool

        /// How many places its queue has while it is not in memory.
        let maxWaiting: Int

        /// Whether it is in memory.
        package fileprivate(set) var status = Status.unloaded

        /// How many uses have begun and not ended.
        package fileprivate(set) var useCount = 0

        /// Who waits for it, in the order in which they came.
        package fileprivate(set) var waiters: [Waiter] = []

        /// When somebody asked for it without a request.
        fileprivate(set) var wantedSince: Instant?
        /// Whether somebody wants it unloaded as soon as it is idle.
        fileprivate(set) var isUnwanted = false
        /// Whether it takes no new requests, since another model needs its memory.
        package fileprivate(set) var isDraining = false
        /// When anybody but the background has used it last.
        fileprivate(set) var lastUsed: Instant
        /// Whether anybody but the background has used it and may not be done.
        fileprivate var isUsed = false
        fileprivate(set) var loadedAt: Instant
        /// What its last loading took.
        fileprivate var loadDuration = Duration.zero
        /// Whether it is being loaded, or was, for the background alone.
        fileprivate var isForBackground = false
        /// Whether an operator had it unloaded, and nobody but the background wants it since.
        fileprivate var isDismissed = false
        fileprivate(set) var failure: Failure?
        fileprivate(set) var counts = Counts()

        var waitingCount: Int { waiters.reduce(0) { $0 + $1.count } }

        func waitingCount(inBackground: Bool) -> Int {
            waiters.reduce(0) { $0 + ($1.isBackground == inBackground ? $1.count : 0) }
        }

        /// Since when anybody but the background waits for it; nil if nobody does.
        fileprivate var wanted: Instant? {
            [waiters.first { !$0.isBackground }?.since, wantedSince].compactMap { $0 }.min()
        }

        /// Since when it is waited for; nil if it is not.
        fileprivate var since: Instant? { wanted ?? waiters.first?.since }

        /// From when the background may have it unloaded where it is idle: what was loaded for minutes
        /// is used for some more.
        fileprivate var unloadableSince: Instant {
            let quietTime = ResidencySchedule.quietTime
            return max(lastUsed + quietTime, loadedAt + max(quietTime, loadDuration * 10))
        }

        /// When it makes room for another one, where only the background uses both.
        fileprivate var endOfTurn: Instant {
            loadedAt + max(ResidencySchedule.turn, loadDuration * 10)
        }

        /// Takes note of a use, if it is not of the background.
        fileprivate mutating func noteUse(inBackground: Bool, at now: Instant) {
            if inBackground { return }
            lastUsed = now
            isUsed = true
        }
    }

    /// Why a model could not be loaded, and when it may be tried again.
    struct Failure {
        let reason: String
        let retryAt: Instant
        /// How often in a row.
        let count: Int
    }

    /// What has happened to a model since the start.
    struct Counts: Hashable, Sendable {
        var loads = 0
        var failures = 0
        var unloads = 0
        var loadDuration = Duration.zero
    }

    /// How long nobody else must have used a model before the background may have it unloaded: whoever
    /// has just read an answer may ask on.
    package static let quietTime = Duration.seconds(60)

    /// How long a model that only the background uses stays in memory, however much there is to do for
    /// it, while the background waits for another one.
    package static let turn = Duration.seconds(600)

    let configuration: ModelResidency.Configuration

    /// All models.
    package private(set) var entries: [Entry] = []
    private(set) var isStopped = false

    /// What something beside the models takes.
    private(set) var reservedByteCount = 0

    /// How often a model was loaded into memory that others had to give up for it.
    package private(set) var swapCount = 0
    private var nextWaiter: UInt64 = 1
    /// When a model was loaded last for the background alone, which nobody can end before.
    private var backgroundLoadEnd: Instant?
    /// The models that others were unloaded for.
    private var displacing: Set<Int> = []

    /// A schedule without models.
    package init(_ configuration: ModelResidency.Configuration) {
        self.configuration = configuration
    }

    /// The bytes of all models that are in memory, or on their way into it or out of it, and of what
    /// is beside them.
    package var usedByteCount: Int {
        entries.reduce(reservedByteCount) { $0 + ($1.status == .unloaded ? 0 : $1.byteCount) }
    }

    // MARK: What happens

    /// Adds a model that is not in memory.
    package mutating func add(
        name: String, byteCount: Int, isPinned: Bool, maxWaiting: Int, at now: Instant
    ) -> Int {
        entries.append(
            Entry(
                name: name, byteCount: byteCount, isPinned: isPinned, maxWaiting: maxWaiting,
                lastUsed: now, loadedAt: now))
        return entries.count - 1
    }

    /// Takes memory for something beside the models.
    ///
    /// - Returns: false where a model could not be in memory beside the pinned ones any more, or those
    ///   that are there leave no room.
    mutating func reserve(_ byteCount: Int) -> Bool {
        let pinned = entries.reduce(0) { $0 + ($1.isPinned ? $1.byteCount : 0) }
        let largest = entries.reduce(0) { max($0, $1.isPinned ? 0 : $1.byteCount) }
        let most = configuration.budget - max(usedByteCount, reservedByteCount + pinned + largest)
        guard byteCount <= most else { return false }
        reservedByteCount += byteCount
        return true
    }

    /// Gives such memory back.
    mutating func release(_ byteCount: Int) { reservedByteCount -= byteCount }

    /// Begins a use of a model, if it is in memory.
    package mutating func enter(
        _ index: Int, inBackground: Bool = false, at now: Instant
    ) -> Entrance {
        if isStopped { return .refused(.stopping) }
        if entries[index].status == .loaded, !entries[index].isDraining {
            entries[index].useCount += 1
            entries[index].noteUse(inBackground: inBackground, at: now)
            return .entered
        }
        return refusal(of: index, at: now).map { .refused($0) } ?? .mustWait
    }

    /// Why a model is not tried now that could not be loaded a moment ago.
    private func refusal(of index: Int, at now: Instant) -> ServingError? {
        guard let failure = entries[index].failure, now < failure.retryAt else { return nil }
        return .unavailable(
            reason: failure.reason, retryAfter: now.duration(to: failure.retryAt))
    }

    /// Prolongs a use that has begun, by one that ends on its own.
    mutating func hold(_ index: Int) {
        precondition(entries[index].useCount > 0, "\(entries[index].name) is not in use")
        entries[index].useCount += 1
    }

    /// Ends a use.
    package mutating func leave(_ index: Int, inBackground: Bool = false, at now: Instant) {
        precondition(entries[index].useCount > 0, "\(entries[index].name) is not in use")
        entries[index].useCount -= 1
        entries[index].noteUse(inBackground: inBackground, at: now)
    }

    /// The identity of somebody who is going to wait.
    package mutating func makeTicket() -> UInt64 {
        defer { nextWaiter += 1 }
        return nextWaiter
    }

    /// Lets somebody wait for a model.
    ///
    /// The background has as many places of its own as all others have together; one that is free is
    /// room for a whole question.
    ///
    /// - Parameters:
    ///   - index: the model.
    ///   - ticket: who waits.
    ///   - count: how many places of the queue that takes.
    ///   - deadline: until when it makes sense; nil for ever.
    ///   - inBackground: whether it gives way to all others.
    ///   - placesBefore: how many places the same question has taken before.
    ///   - now: the time.
    ///   - resume: is called once.
    /// - Returns: how many places of the queue are before it, or why it must not wait.
    package mutating func wait(
        for index: Int, as ticket: UInt64, count: Int, deadline: Instant?,
        inBackground: Bool = false, placesBefore: Int = 0, at now: Instant,
        resume: @escaping @Sendable (Result<Void, ServingError>) -> Void
    ) -> Result<Int, ServingError> {
        if isStopped { return .failure(.stopping) }
        if let refusal = refusal(of: index, at: now) { return .failure(refusal) }
        let position = entries[index].waitingCount(inBackground: inBackground)
        let hasRoom =
            inBackground
            ? position - placesBefore < entries[index].maxWaiting
            : position + count <= entries[index].maxWaiting
        guard hasRoom else { return .failure(.overloaded(retryAfter: configuration.patience)) }
        entries[index].waiters.append(
            Waiter(
                id: ticket, count: count, isBackground: inBackground, since: now,
                deadline: deadline, resume: resume))
        return .success(position)
    }

    /// Forgets somebody who waits.
    ///
    /// - Returns: whether it did.
    package mutating func withdraw(_ id: UInt64, from index: Int) -> Bool {
        guard let place = entries[index].waiters.firstIndex(where: { $0.id == id }) else {
            return false
        }
        entries[index].waiters.remove(at: place)
        return true
    }

    /// Asks for a model to be in memory, though nobody has a request.
    package mutating func want(_ index: Int, at now: Instant) {
        entries[index].isUnwanted = false
        entries[index].isDismissed = false
        guard [.unloaded, .unloading].contains(entries[index].status) else { return }
        if let failure = entries[index].failure {
            // Who asks for it by name may have mended it.
            entries[index].failure = Failure(
                reason: failure.reason, retryAt: now, count: failure.count)
        }
        if entries[index].wantedSince == nil { entries[index].wantedSince = now }
    }

    /// Asks for a model to be unloaded as soon as it has nothing to do for anybody but the background,
    /// and not to be loaded again for that.
    package mutating func dismiss(_ index: Int) {
        entries[index].wantedSince = nil
        entries[index].isDismissed = true
        if [.loaded, .loading].contains(entries[index].status) { entries[index].isUnwanted = true }
    }

    /// Takes note that a model has nothing to do any more, or nothing but the background.
    package mutating func noteIdle(_ index: Int, at now: Instant) {
        guard entries[index].isUsed else { return }
        entries[index].lastUsed = now
        entries[index].isUsed = false
    }

    /// Takes note that a model is in memory.
    package mutating func noteLoaded(
        _ index: Int, byteCount: Int, took duration: Duration, at now: Instant
    ) {
        entries[index].status = .loaded
        entries[index].byteCount = byteCount
        entries[index].loadedAt = now
        entries[index].loadDuration = duration
        endBackgroundLoad(of: index, at: now)
        if entries[index].wanted != nil { entries[index].lastUsed = now }
        entries[index].wantedSince = nil
        entries[index].failure = nil
        entries[index].counts.loads += 1
        entries[index].counts.loadDuration += duration
        if displacing.remove(index) != nil { swapCount += 1 }
    }

    /// Takes note that a model could not be loaded.
    ///
    /// - Returns: those who have waited for it, and how long it is not tried again.
    package mutating func noteFailure(
        _ index: Int, reason: String, at now: Instant
    ) -> (waiters: [Waiter], delay: Duration) {
        let count = (entries[index].failure?.count ?? 0) + 1
        let delay = min(
            configuration.firstRetryDelay * (1 << min(count - 1, 16)),
            configuration.longestRetryDelay)
        entries[index].status = .unloaded
        entries[index].failure = Failure(reason: reason, retryAt: now + delay, count: count)
        entries[index].wantedSince = nil
        entries[index].isUnwanted = false
        entries[index].counts.failures += 1
        endBackgroundLoad(of: index, at: now)
        displacing.remove(index)
        defer { entries[index].waiters = [] }
        return (entries[index].waiters, delay)
    }

    private mutating func endBackgroundLoad(of index: Int, at now: Instant) {
        if entries[index].isForBackground { backgroundLoadEnd = now }
        entries[index].isForBackground = false
    }

    /// Takes note that a model's memory is given back.
    package mutating func noteUnloaded(_ index: Int) {
        entries[index].status = .unloaded
        entries[index].counts.unloads += 1
    }

    /// Lets nobody in any more, and returns those who wait.
    package mutating func stop() -> [Waiter] {
        isStopped = true
        let waiters = entries.flatMap(\.waiters)
        for index in entries.indices {
            entries[index].waiters = []
            entries[index].wantedSince = nil
        }
        return waiters
    }

    // MARK: Decisions

    /// What is to be done now.
    ///
    /// - Parameters:
    ///   - now: the time.
    ///   - isIdle: whether nothing runs or waits in a model that is in memory.
    ///   - isQuiet: the same, the background aside.
    /// - Returns: the actions, which count as begun.
    package mutating func decide(
        at now: Instant, isIdle: (Int) -> Bool, isQuiet: (Int) -> Bool
    ) -> [Action] {
        if isStopped { return [] }
        var actions: [Action] = []
        refuseLate(at: now, &actions)
        resumeWaiters(at: now, &actions)
        for index in entries.indices
        where entries[index].isUnwanted && canUnload(index, isQuiet) {
            unload(index, because: "asked to", &actions)
        }
        placeWaiting(at: now, isIdle, isQuiet, &actions)
        resumeWaiters(at: now, &actions)
        return actions
    }

    /// When to decide again though nothing has happened; nil for never.
    package func nextDeadline(after now: Instant) -> Instant? {
        var times: [Instant] = []
        var someoneWaits = false
        for entry in entries {
            times += entry.waiters.compactMap(\.deadline)
            guard entry.status != .loading, let since = entry.since else { continue }
            someoneWaits = true
            times.append(since + configuration.patience)
            times += entry.waiters.filter { !$0.isBackground }.map { lastChance(of: $0) }
        }
        if someoneWaits {
            times += entries.filter { $0.status == .loaded }
                .flatMap {
                    [$0.loadedAt + configuration.patience, $0.unloadableSince, $0.endOfTurn]
                }
        }
        return times.filter { $0 > now }.min()
    }

    /// Refuses those whose time is over, and those who have waited too long for room; the background
    /// has time.
    private mutating func refuseLate(at now: Instant, _ actions: inout [Action]) {
        // A load for the background cannot be ended, and is no reason to send anybody away.
        let isHeldUp = entries.contains { $0.status == .loading && $0.isForBackground }
        for index in entries.indices where !entries[index].waiters.isEmpty {
            let isComing =
                entries[index].status == .loading
                || entries[index].status == .loaded && !entries[index].isDraining
            var rest: [Waiter] = []
            for waiter in entries[index].waiters {
                if let deadline = waiter.deadline, deadline <= now {
                    actions.append(.refuse(waiter, .expired))
                } else if !isComing, !isHeldUp, !waiter.isBackground,
                    lastChance(of: waiter) <= now
                {
                    actions.append(.refuse(waiter, noRoom(for: index)))
                } else {
                    rest.append(waiter)
                }
            }
            entries[index].waiters = rest
        }
    }

    /// How long somebody waits for room.
    private func lastChance(of waiter: Waiter) -> Instant {
        max(waiter.since, backgroundLoadEnd ?? waiter.since) + configuration.longestWait
    }

    private func noRoom(for index: Int) -> ServingError {
        .unavailable(
            reason: "The model '\(entries[index].name)' is not in memory, and other models are too "
                + "busy to make room for it; try again later.",
            retryAfter: configuration.patience)
    }

    /// Lets those go on whose model is in memory.
    private mutating func resumeWaiters(at now: Instant, _ actions: inout [Action]) {
        for index in entries.indices
        where entries[index].status == .loaded && !entries[index].isDraining
            && !entries[index].waiters.isEmpty
        {
            entries[index].useCount += 1
            if entries[index].wanted != nil {
                entries[index].noteUse(inBackground: false, at: now)
            }
            actions.append(.resume(index, entries[index].waiters))
            entries[index].waiters = []
        }
    }

    private func canUnload(_ index: Int, _ isIdle: (Int) -> Bool) -> Bool {
        let entry = entries[index]
        return entry.status == .loaded && entry.useCount == 0
            && (entry.waiters.isEmpty || entry.isDraining) && isIdle(index)
    }

    private mutating func unload(_ index: Int, because reason: String, _ actions: inout [Action]) {
        entries[index].status = .unloading
        entries[index].isDraining = false
        entries[index].isUnwanted = false
        actions.append(.unload(index, because: reason))
    }

    /// Loads what fits of the models that are waited for, the one that has waited longest first, and
    /// makes room for the first that does not fit.
    ///
    /// Those that only the background waits for come last, and are not loaded while others lack room.
    private mutating func placeWaiting(
        at now: Instant, _ isIdle: (Int) -> Bool, _ isQuiet: (Int) -> Bool,
        _ actions: inout [Action]
    ) {
        typealias Wish = (index: Int, since: Instant, isBackground: Bool, rank: Int)
        let waiting = entries.indices.compactMap { index -> Wish? in
            let entry = entries[index]
            let isBackground = entry.wanted == nil
            guard entry.status == .unloaded, let since = entry.since,
                entry.failure.map({ $0.retryAt <= now }) ?? true,
                !(isBackground && entry.isDismissed)
            else { return nil }
            // What was unloaded for one of the background is for that one.
            let rank = isBackground ? displacing.contains(index) ? 1 : 2 : 0
            return (index, since, isBackground, rank)
        }.sorted { ($0.rank, $0.since, $0.index) < ($1.rank, $1.since, $1.index) }
        let drained = entries.indices.filter { entries[$0].isDraining }
        for index in drained { entries[index].isDraining = false }

        // What the first that does not fit still needs of the memory that is free now.
        var reserved: Int?
        for (index, since, isBackground, _) in waiting {
            let byteCount = entries[index].byteCount
            if isBackground, reserved != nil { break }
            if reserved == nil, byteCount > freeByteCount {
                if isBackground {
                    if makeRoomInBackground(
                        for: index, drained, at: now, isIdle, isQuiet, &actions)
                    {
                        break
                    }
                    continue
                }
                reserved = makeRoom(
                    for: index, since: since, drained, at: now, isQuiet, &actions)
            }
            if byteCount <= freeByteCount - (reserved ?? 0) {
                entries[index].status = .loading
                entries[index].isForBackground = isBackground
                entries[index].isDismissed = false
                actions.append(.load(index))
            }
        }
    }

    private var freeByteCount: Int { configuration.budget - usedByteCount }

    /// Has models unloaded for one that only the background waits for, if those suffice that nobody
    /// uses and nobody else has used for some time; or has those take no new requests whose turn is over.
    ///
    /// - Returns: whether it gets its room so.
    private mutating func makeRoomInBackground(
        for index: Int, _ drained: [Int], at now: Instant, _ isIdle: (Int) -> Bool,
        _ isQuiet: (Int) -> Bool, _ actions: inout [Action]
    ) -> Bool {
        let coming = entries.reduce(0) { $0 + ($1.status == .unloading ? $1.byteCount : 0) }
        var missing = entries[index].byteCount - freeByteCount - coming
        let candidates = entries.indices.filter {
            let entry = entries[$0]
            return entry.status == .loaded && !entry.isPinned && entry.wanted == nil
                && entry.unloadableSince <= now
        }.sorted { (entries[$0].lastUsed, $0) < (entries[$1].lastUsed, $1) }
        let idle = candidates.filter {
            canUnload($0, isIdle) || drained.contains($0) && isEmpty($0, isIdle)
        }
        guard idle.reduce(0, { $0 + entries[$1].byteCount }) >= missing else {
            let late = candidates.filter {
                idle.contains($0) || isQuiet($0) && entries[$0].endOfTurn <= now
            }
            guard late.reduce(0, { $0 + entries[$1].byteCount }) >= missing else { return false }
            for place in late.filter(drained.contains) + late.filter({ !drained.contains($0) })
            where missing > 0 {
                entries[place].isDraining = true
                missing -= entries[place].byteCount
            }
            return true
        }
        for place in idle where missing > 0 {
            unload(place, because: "room for \(entries[index].name)", &actions)
            displacing.insert(index)
            missing -= entries[place].byteCount
        }
        return true
    }

    /// Makes room for a model.
    ///
    /// - Returns: the free bytes that nobody else may have until then.
    private mutating func makeRoom(
        for index: Int, since: Instant, _ drained: [Int], at now: Instant,
        _ isQuiet: (Int) -> Bool, _ actions: inout [Action]
    ) -> Int {
        let coming = entries.reduce(0) { $0 + ($1.status == .unloading ? $1.byteCount : 0) }
        var missing = entries[index].byteCount - freeByteCount - coming
        var promised = coming
        let idle = entries.indices.filter { place in
            !entries[place].isPinned
                && (canUnload(place, isQuiet) || drained.contains(place) && isEmpty(place, isQuiet))
        }.sorted { (entries[$0].lastUsed, $0) < (entries[$1].lastUsed, $1) }
        for place in idle where missing > 0 {
            unload(place, because: "room for \(entries[index].name)", &actions)
            displacing.insert(index)
            missing -= entries[place].byteCount
            promised += entries[place].byteCount
        }
        let busy = entries.indices.filter { place in
            entries[place].status == .loaded && !entries[place].isPinned
                && (drained.contains(place)
                    || now >= max(since, entries[place].loadedAt) + configuration.patience)
        }.sorted {
            // Those that are at it already, then those that have been in memory longest.
            (drained.contains($0) ? 0 : 1, entries[$0].loadedAt, $0)
                < (drained.contains($1) ? 0 : 1, entries[$1].loadedAt, $1)
        }
        guard missing > 0, busy.reduce(0, { $0 + entries[$1].byteCount }) >= missing else {
            // What was unloaded for this model stays free for it, or two small ones would come and go
            // while it waits.
            return promised > 0 || displacing.contains(index)
                ? max(0, entries[index].byteCount - promised) : 0
        }
        for place in busy where missing > 0 {
            entries[place].isDraining = true
            missing -= entries[place].byteCount
            promised += entries[place].byteCount
        }
        return max(0, entries[index].byteCount - promised)
    }

    /// Whether a model that takes no new requests has done those that it had.
    private func isEmpty(_ index: Int, _ isIdle: (Int) -> Bool) -> Bool {
        entries[index].status == .loaded && entries[index].useCount == 0 && isIdle(index)
    }
}
