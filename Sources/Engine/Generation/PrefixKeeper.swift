// SPDX-License-Identifier: Apache-2.0

internal import DequeModule
internal import Scheduling

/// Moves KV blocks between the model's memory and a store, on the engine's thread.
///
/// Blocks that give way to others are copied out before they are written to again, and all others
/// while the engine has nothing to do, and at its end. A request whose prompt begins with blocks that
/// are only on disk waits until these have been read, a piece at a time, while everything else goes
/// on: no step waits for the disk.
struct PrefixKeeper {
    /// A request that waits for blocks of its prompt.
    private struct Waiting {
        let request: SequenceRequest
        let names: [PrefixName]

        /// When it is computed rather than waited for any longer.
        let patienceEnd: ContinuousClock.Instant

        /// How many of them are in memory, as far as is known.
        var cachedCount: Int
    }

    /// Fewer blocks than these are computed sooner than they are waited for.
    private static let leastBlocks = 2

    /// The most bytes that are read at a time, which a step is delayed by copying them.
    private static let pieceByteCount = 32 << 20

    /// How long blocks are written at the end.
    private static let endTime = Duration.seconds(10)

    private let model: any LanguageModel
    private let store: PrefixStore
    private let mailbox: Mailbox
    private let staging: StagingArea

    private var waiting: [RequestID: Waiting] = [:]

    /// Those of them for which nothing is being read, by turns.
    private var line = Deque<RequestID>()
    private var isReading = false

    /// Requests that need not wait any longer.
    private var ready: [RequestID] = []

    /// What may not be on disk yet, the most recently used first, and as of when.
    private var unsaved: [NamedBlock] = []
    private var unsavedVersion: UInt64 = 0

    /// Memory that is used again.
    private var evicted: [NamedBlock] = []
    private var copies: [ScheduledStep.BlockCopy] = []

    init(model: any LanguageModel, store: PrefixStore, mailbox: Mailbox) {
        self.model = model
        self.store = store
        self.mailbox = mailbox
        staging = StagingArea(
            byteCount: PrefixFile.headerCount + model.blockByteCount,
            whenFree: { [mailbox] in mailbox.noteRoom() })
    }

    // MARK: To disk

    /// Copies out the blocks that are about to be written to again.
    mutating func saveEvicted(_ scheduler: inout Scheduler) {
        scheduler.takeEvicted(into: &evicted)
        guard !evicted.isEmpty, model.hasItsWeights else { return }
        for block in evicted where store.wants(block.name) {
            if !save(block) { store.noteDrop() }
        }
    }

    /// Copies out blocks while there is nothing else to do; the mailbox wakes the engine when there
    /// is room for more.
    mutating func saveSome(_ scheduler: Scheduler) {
        guard model.hasItsWeights else { return }
        if unsavedVersion != scheduler.pool.publishedCount {
            unsavedVersion = scheduler.pool.publishedCount
            unsaved = Array(bestBlocks(scheduler))
        }
        // What was used last is written last: it is the last to go.
        while !mailbox.hasMessages, let next = unsaved.last {
            let isThere = scheduler.pool.name(of: next.block) == next.name
            if isThere, store.wants(next.name), !save(next) { return }
            unsaved.removeLast()
        }
    }

    /// Copies out all blocks, the most recently used first, and waits until they are on disk, but not
    /// for long.
    func saveAll(_ scheduler: Scheduler) {
        guard model.hasItsWeights else { return }
        let end = ContinuousClock.now + Self.endTime
        let best = bestBlocks(scheduler)
        for block in best where store.wants(block.name) {
            while !save(block), ContinuousClock.now < end {
                store.flush(within: ContinuousClock.now.duration(to: end))
            }
            if ContinuousClock.now >= end { break }
        }
        // A disk that hangs is left alone.
        if store.flush(within: ContinuousClock.now.duration(to: end)) {
            store.touch(best.lazy.map(\.name))
        }
    }

    /// As many named blocks as the disk may hold, the most recently used first.
    private func bestBlocks(_ scheduler: Scheduler) -> ArraySlice<NamedBlock> {
        scheduler.pool.namedBlocks.prefix(
            store.maxBytes / (PrefixFile.headerCount + max(1, model.blockByteCount)))
    }

    /// Hands over a copy of a block.
    ///
    /// - Returns: false if there is no memory for one.
    private func save(_ block: NamedBlock) -> Bool {
        guard var file = staging.take() else { return false }
        model.readBlock(Int(block.block), into: &file, at: PrefixFile.headerCount)
        store.write(block.name, consume file, from: staging)
        return true
    }

    // MARK: From disk

    /// Begins to read what the disk has of a prompt beyond what is in memory.
    ///
    /// - Returns: whether the request has to wait for it; ``takeReady(_:)`` gives it then.
    mutating func begins(
        _ id: RequestID, _ request: SequenceRequest, _ scheduler: Scheduler
    ) -> Bool {
        let (cachedCount, names) = scheduler.prefixNames(of: request)
        let count = store.countReadable(names[cachedCount...])
        guard count >= Self.leastBlocks else { return false }
        let patienceEnd = ContinuousClock.now + store.patience
        waiting[id] = Waiting(
            request: request, names: Array(names[..<(cachedCount + count)]),
            patienceEnd: min(request.deadline ?? patienceEnd, patienceEnd),
            cachedCount: cachedCount)
        line.append(id)
        readNext(scheduler)
        return true
    }

    /// Forgets a request that has ended.
    mutating func forget(_ id: RequestID) { waiting[id] = nil }

    /// When the first request has waited long enough; nil if none waits.
    var patienceEnd: ContinuousClock.Instant? { waiting.values.lazy.map(\.patienceEnd).min() }

    /// Puts blocks that were read where the request finds them, between two steps.
    mutating func receive(_ piece: RestoredPiece, _ scheduler: inout Scheduler) {
        isReading = false
        guard var entry = waiting[piece.request] else { return readNext(scheduler) }
        // Copies that are due may concern blocks that are handed out now.
        saveEvicted(&scheduler)
        scheduler.takeCopies(into: &copies)
        for copy in copies {
            model.copyBlock(from: Int(copy.source), to: Int(copy.destination))
        }
        let places = piece.firstPlace..<piece.firstPlace + piece.blocks.count
        let adopted = scheduler.adopt(
            entry.request.promptTokens, at: places, in: entry.request.scope)
        saveEvicted(&scheduler)
        for (place, block) in adopted {
            model.writeBlock(Int(block), from: piece.blocks[place - piece.firstPlace])
        }
        entry.cachedCount = scheduler.cachedBlockCount(of: entry.request)
        let isLast =
            piece.blocks.count < piece.wantedCount || entry.cachedCount < places.upperBound
            || entry.cachedCount >= entry.names.count
        waiting[piece.request] = isLast ? nil : entry
        // Before all others, for what was read for it belongs to nobody yet and may have to give way.
        if isLast { ready.append(piece.request) } else { line.prepend(piece.request) }
        readNext(scheduler)
    }

    /// Takes the requests that need not wait any longer: those whose blocks were read, and those that
    /// have waited long enough, for which it is of no use what is read later.
    mutating func takeReady(_ scheduler: Scheduler) -> [RequestID] {
        if !waiting.isEmpty {
            let now = ContinuousClock.now
            for (id, entry) in waiting where entry.patienceEnd <= now {
                waiting[id] = nil
                ready.append(id)
            }
            readNext(scheduler)
        }
        defer { ready = [] }
        return ready
    }

    /// Has the next piece read; of one request at a time, so that its memory is bounded.
    private mutating func readNext(_ scheduler: Scheduler) {
        while !isReading, let id = line.popFirst() {
            guard let entry = waiting[id] else { continue }
            // Another may have begun alike.
            let first = max(entry.cachedCount, scheduler.cachedBlockCount(of: entry.request))
            guard first < entry.names.count else {
                waiting[id] = nil
                ready.append(id)
                continue
            }
            let byteCount = model.blockByteCount
            let count = max(1, Self.pieceByteCount / max(1, byteCount))
            let names = Array(entry.names[first...].prefix(count))
            isReading = true
            store.load(names, byteCount: byteCount) { [mailbox] blocks in
                mailbox.deliver(
                    RestoredPiece(
                        request: id, firstPlace: first, wantedCount: names.count, blocks: blocks))
            }
        }
    }
}

/// Blocks of a request's prompt, as they were read.
struct RestoredPiece: Sendable {
    let request: RequestID

    /// The place of the first of them in the prompt.
    let firstPlace: Int

    /// How many there should have been.
    let wantedCount: Int
    let blocks: [ArraySlice<UInt8>]
}
