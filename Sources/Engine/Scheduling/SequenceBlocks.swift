// SPDX-License-Identifier: Apache-2.0

/// Gives sequences their KV blocks and takes them back.
///
/// Blocks that a sequence has filled are published, so that others which begin alike take them over
/// instead of computing the same again.
struct SequenceBlocks: Sendable {
    private let configuration: Scheduler.Configuration
    private(set) var pool: BlockPool
    private(set) var states: StateSlots

    /// What the next step must copy, in this order.
    private var stateCopies: [ScheduledStep.StateCopy] = []

    /// All blocks, free.
    init(_ configuration: Scheduler.Configuration) {
        self.configuration = configuration
        pool = BlockPool(
            blockCount: configuration.blockCount,
            positionsPerBlock: configuration.positionsPerBlock,
            prefixRoot: configuration.prefixRoot)
        states = StateSlots(count: configuration.stateCount)
    }

    /// The number of blocks that can be handed out.
    var freeCount: Int { pool.freeCount }

    /// Takes the blocks that hold the sequence's next tokens already, as far as there are any.
    ///
    /// Blocks of its own that it has not filled are given up for them.
    mutating func takeCached(for sequence: inout ScheduledSequence) {
        guard configuration.cachesPrefixes else { return }
        if states.areKept { return takeCachedWithState(for: &sequence) }
        let size = configuration.positionsPerBlock
        while sequence.computedCount == sequence.publishedCount * size {
            let start = sequence.computedCount
            guard start + size <= sequence.cacheableCount else { return }
            let found = pool.find(
                sequence.tokens[start..<start + size], after: sequence.prefix, in: sequence.scope)
            guard let found else { return }
            take(found, for: &sequence)
        }
    }

    /// Makes a block that was found the next one of a sequence.
    private mutating func take(_ found: BlockPool.Entry, for sequence: inout ScheduledSequence) {
        pool.retain(found.block)
        let count = sequence.publishedCount
        if count < sequence.blockTable.count {
            pool.release(sequence.blockTable[count], inBackground: sequence.isBackground)
            sequence.blockTable[count] = found.block
        } else {
            sequence.blockTable.append(found.block)
        }
        sequence.publishedCount += 1
        sequence.prefix = found.prefix
        sequence.computedCount += configuration.positionsPerBlock
        if !sequence.wasPreempted { sequence.cachedCount += configuration.positionsPerBlock }
    }

    // MARK: States

    /// Gives a sequence a place for its state, if the model keeps one.
    ///
    /// - Returns: false if others have them all.
    mutating func takeState(for sequence: inout ScheduledSequence) -> Bool {
        guard states.areKept else { return true }
        let pool = pool
        sequence.state = states.take { pool.holds($0) }
        return sequence.state != nil
    }

    /// Takes the blocks that hold the sequence's next tokens already, up to the last one after which
    /// the state is kept, and that state.
    private mutating func takeCachedWithState(for sequence: inout ScheduledSequence) {
        let size = configuration.positionsPerBlock
        guard let slot = sequence.state,
            sequence.computedCount == sequence.publishedCount * size
        else { return }
        var found: [BlockPool.Entry] = []
        var keptCount = 0
        var start = sequence.computedCount
        while start + size <= sequence.cacheableCount,
            let next = pool.find(
                sequence.tokens[start..<start + size], after: found.last?.prefix ?? sequence.prefix,
                in: sequence.scope)
        {
            found.append(next)
            start += size
            if states.has(next.prefix) { keptCount = found.count }
        }
        sequence.commonEnd = found.count > keptCount ? start : 0
        guard keptCount > 0, let kept = states.use(found[keptCount - 1].prefix) else { return }
        for next in found[..<keptCount] { take(next, for: &sequence) }
        sequence.keptStateEnd = sequence.computedCount
        stateCopies.append(ScheduledStep.StateCopy(source: kept, destination: slot))
    }

    /// The next position at which the state of a sequence is kept, and whether another one gives way
    /// for it: the end of what it has in common with others, the last full block of its prompt, and
    /// every so many positions if there is room.
    func nextCheckpoint(of sequence: ScheduledSequence) -> (end: Int, displaces: Bool)? {
        guard states.areKept, configuration.cachesPrefixes else { return nil }
        let size = configuration.positionsPerBlock
        let least = max(
            sequence.computedCount + 1, sequence.keptStateEnd + configuration.leastCheckpointTokens)
        let spacing = (configuration.checkpointSpacing + size - 1) / size * size
        var next = (end: (least + spacing - 1) / spacing * spacing, displaces: false)
        for end in [(sequence.promptCount - 1) / size * size, sequence.commonEnd]
        where end >= least && end <= next.end {
            next = (end, true)
        }
        return next
    }

    /// Whether a sequence will keep a state that another one, which begins alike, can go on from.
    func isAwaited(_ sequence: ScheduledSequence, by other: ScheduledSequence) -> Bool {
        guard sequence.scope == other.scope, let end = nextCheckpoint(of: sequence)?.end,
            end <= sequence.tokens.count, end > other.computedCount, end <= other.cacheableCount
        else { return false }
        return sequence.tokens[..<end] == other.tokens[..<end]
    }

    /// Keeps the state of a sequence that has come to a position where it is to be kept.
    ///
    /// - Parameters:
    ///   - sequence: its blocks up to the position are published.
    ///   - checkpoint: what `nextCheckpoint` said before it came there.
    mutating func keepState(
        of sequence: inout ScheduledSequence, at checkpoint: (end: Int, displaces: Bool)?
    ) {
        let size = configuration.positionsPerBlock
        guard let checkpoint, let slot = sequence.state, checkpoint.end == sequence.computedCount,
            checkpoint.end == sequence.publishedCount * size, checkpoint.end > 0
        else { return }
        let end = BlockPool.Entry(
            block: sequence.blockTable[sequence.publishedCount - 1], prefix: sequence.prefix)
        let pool = pool
        if states.use(end.prefix) == nil {
            guard
                let kept = states.keep(
                    end, displaces: checkpoint.displaces, isFound: { pool.holds($0) })
            else { return }
            stateCopies.append(ScheduledStep.StateCopy(source: slot, destination: kept))
        }
        sequence.keptStateEnd = checkpoint.end
    }

    /// Takes the copies of states that are due.
    mutating func takeStateCopies(into copies: inout [ScheduledStep.StateCopy]) {
        swap(&copies, &stateCopies)
        stateCopies.removeAll(keepingCapacity: true)
    }

    // MARK: Blocks that are kept elsewhere

    /// The names of a prompt's whole blocks, but for the one that its last token is in, and how many
    /// of the blocks are cached; none if prefixes have no names.
    func names(of tokens: [Int32], in scope: CacheScope) -> (cachedCount: Int, [PrefixName]) {
        guard let root = configuration.prefixRoot else { return (0, []) }
        let size = configuration.positionsPerBlock
        let count = max(0, tokens.count - 1) / size
        // What is cached knows its name, which saves the digest.
        var names = cachedPrefixes(of: tokens[..<(count * size)], in: scope).compactMap(\.name)
        let cachedCount = names.count
        var name = names.last ?? PrefixName(root, in: scope)
        for place in cachedCount..<count {
            name = PrefixName(name, then: tokens[place * size..<(place + 1) * size])
            names.append(name)
        }
        return (cachedCount, names)
    }

    /// How many of a prompt's whole blocks are cached, from the first on.
    func cachedCount(of tokens: [Int32], in scope: CacheScope) -> Int {
        cachedPrefixes(of: tokens[...], in: scope).count
    }

    /// What the cached ones of a prompt's whole blocks end, from the first on.
    private func cachedPrefixes(of tokens: ArraySlice<Int32>, in scope: CacheScope) -> [PrefixID] {
        let size = configuration.positionsPerBlock
        var prefixes: [PrefixID] = []
        for place in 0..<tokens.count / size {
            let block = tokens[place * size..<(place + 1) * size]
            guard let found = pool.find(block, after: prefixes.last ?? .empty, in: scope) else {
                break
            }
            prefixes.append(found.prefix)
        }
        return prefixes
    }

    /// Publishes blocks that somebody will fill at once with what was computed before.
    ///
    /// - Parameters:
    ///   - tokens: of a prompt.
    ///   - places: the places of such blocks in it; those before them must be cached.
    ///   - scope: who may find them.
    /// - Returns: the blocks that were not cached, by place; fewer if no memory is free.
    mutating func adopt(
        _ tokens: [Int32], at places: Range<Int>, in scope: CacheScope
    ) -> [(place: Int, block: Int32)] {
        let size = configuration.positionsPerBlock
        var prefix = PrefixID.empty
        // All of them have an owner until the last is found, so that none gives way to another.
        var owned: [Int32] = []
        var adopted: [(place: Int, block: Int32)] = []
        for place in 0..<min(places.upperBound, tokens.count / size) {
            let holding = tokens[place * size..<(place + 1) * size]
            if let known = pool.find(holding, after: prefix, in: scope) {
                pool.retain(known.block)
                owned.append(known.block)
                prefix = known.prefix
                continue
            }
            guard place >= places.lowerBound, let block = pool.allocate() else { break }
            let entry = pool.publish(block, holding: holding, after: prefix, in: scope)
            owned.append(entry.block)
            adopted.append((place, entry.block))
            prefix = entry.prefix
        }
        for block in owned.reversed() { pool.release(block) }
        return adopted
    }

    /// Takes the named blocks that were handed out for other uses.
    mutating func takeEvicted(into blocks: inout [NamedBlock]) { pool.takeEvicted(into: &blocks) }

    // MARK: Blocks of sequences

    /// Gives a sequence the blocks for the tokens that it has, which must be free.
    mutating func reserve(for sequence: inout ScheduledSequence) {
        sequence.blockTable.reserveCapacity(configuration.blocks(for: sequence.worstCaseCount))
        let needed = configuration.blocks(for: sequence.targetCount)
        while sequence.blockTable.count < needed {
            guard let block = pool.allocate() else { preconditionFailure("blocks ran out") }
            sequence.blockTable.append(block)
        }
    }

    /// Makes sure that the next tokens have places.
    ///
    /// - Returns: how many of them have, which are less than wanted if there is no free block.
    mutating func reserveNext(_ wanted: Int, for sequence: inout ScheduledSequence) -> Int {
        let size = configuration.positionsPerBlock
        while sequence.blockTable.count * size < sequence.computedCount + wanted {
            guard let block = pool.allocate() else { break }
            sequence.blockTable.append(block)
        }
        return min(wanted, sequence.blockTable.count * size - sequence.computedCount)
    }

    /// Takes back the last tokens of a sequence, and what was computed of them and of the one before
    /// them, whose logits are wanted again.
    ///
    /// What others may read stays as it is: the sequence goes on in a copy.
    ///
    /// - Parameters:
    ///   - sequence: a running one; all of its tokens may have been computed.
    ///   - count: how many tokens it keeps, at least its prompt.
    ///   - copies: receives what to copy before the next step.
    /// - Returns: false if the sequence has lost its blocks, because there is none for a copy or
    ///   what its tokens would see again has left the attention window.
    mutating func rewind(
        _ sequence: inout ScheduledSequence, toCount count: Int,
        copies: inout [ScheduledStep.BlockCopy]
    ) -> Bool {
        precondition(
            count >= sequence.promptCount && count < sequence.tokens.count,
            "\(sequence.id) cannot go back to \(count) of \(sequence.tokens.count) tokens")
        sequence.tokens.removeLast(sequence.tokens.count - count)
        sequence.runStart = .max
        let size = configuration.positionsPerBlock
        let computedCount = min(sequence.computedCount, count - 1)
        let place = computedCount / size
        // A state cannot be taken back: the sequence goes on from the last one that was kept.
        guard !states.areKept, keepsWhatItSees(sequence, after: computedCount) else {
            release(&sequence)
            return false
        }
        while sequence.blockTable.count > place + 1 {
            pool.release(sequence.blockTable.removeLast(), inBackground: sequence.isBackground)
        }
        if place < sequence.publishedCount {
            sequence.publishedCount = place
            sequence.prefix =
                place == 0
                ? .empty : pool.contents(of: sequence.blockTable[place - 1]).prefix ?? .empty
        }
        sequence.computedCount = computedCount
        let last = sequence.blockTable[place]
        if pool.isPublished(last) || pool.isShared(last) {
            guard let block = pool.allocate() else {
                release(&sequence)
                return false
            }
            if computedCount % size > 0 {
                copies.append(ScheduledStep.BlockCopy(source: last, destination: block))
            }
            pool.release(last, inBackground: sequence.isBackground)
            sequence.blockTable[place] = block
        }
        return true
    }

    /// Whether a sequence still owns everything that its tokens from a position on see, and knows
    /// what its blocks before that position continue.
    private func keepsWhatItSees(
        _ sequence: ScheduledSequence, after computedCount: Int
    ) -> Bool {
        guard sequence.leftCount > 0, let window = configuration.attentionWindow else {
            return true
        }
        let size = configuration.positionsPerBlock
        let firstSeen = max(computedCount - window + 1, 0)
        let place = computedCount / size
        return sequence.leftCount * size <= firstSeen
            && (place >= sequence.publishedCount || place > sequence.leftCount)
    }

    /// Gives a fork the blocks of its origin: those that are full are shared, and one that is not is
    /// copied.
    ///
    /// - Parameters:
    ///   - origin: the sequence that was forked.
    ///   - fork: gets the blocks, and what was computed with them.
    ///   - copies: receives what to copy before the next step.
    /// - Returns: false, and nothing has changed, if there is no block for a copy.
    mutating func share(
        _ origin: ScheduledSequence, with fork: inout ScheduledSequence,
        copies: inout [ScheduledStep.BlockCopy]
    ) -> Bool {
        let fullCount = origin.computedCount / configuration.positionsPerBlock
        guard takeState(for: &fork) else { return false }
        if origin.computedCount % configuration.positionsPerBlock == 0 {
            fork.blockTable = Array(origin.blockTable[..<fullCount])
        } else {
            guard let block = pool.allocate() else {
                if let state = fork.state { states.release(state) }
                fork.state = nil
                return false
            }
            let source = origin.blockTable[fullCount]
            copies.append(ScheduledStep.BlockCopy(source: source, destination: block))
            fork.blockTable = origin.blockTable[..<fullCount] + [block]
        }
        for block in origin.blockTable[origin.leftCount..<fullCount] { pool.retain(block) }
        fork.leftCount = origin.leftCount
        fork.publishedCount = origin.publishedCount
        fork.prefix = origin.prefix
        fork.computedCount = origin.computedCount
        if let source = origin.state, let destination = fork.state {
            stateCopies.append(ScheduledStep.StateCopy(source: source, destination: destination))
            fork.keptStateEnd = origin.keptStateEnd
        }
        return true
    }

    /// Lets others find the blocks that the sequence has filled.
    mutating func publish(of sequence: inout ScheduledSequence) {
        guard configuration.cachesPrefixes else { return }
        let size = configuration.positionsPerBlock
        while (sequence.publishedCount + 1) * size <= sequence.computedCount {
            let count = sequence.publishedCount
            let entry = pool.publish(
                sequence.blockTable[count],
                holding: sequence.tokens[count * size..<(count + 1) * size],
                after: sequence.prefix, in: sequence.scope)
            sequence.blockTable[count] = entry.block
            sequence.prefix = entry.prefix
            sequence.publishedCount += 1
        }
    }

    /// Counts which of the prompt's tokens were found and which are computed, once each.
    mutating func noteUse(of sequence: inout ScheduledSequence, upTo end: Int) {
        let known = sequence.countedCount
        guard !sequence.wasPreempted, known < sequence.promptCount else { return }
        let start = sequence.computedCount
        let counted = min(end, sequence.promptCount)
        // A step that was given up has counted already, and may find now what it was to compute.
        guard counted > known else { return }
        let found = max(known, min(start, counted))
        pool.count(found: found - known, computed: counted - found)
        sequence.countedCount = counted
    }

    /// Gives up the blocks that no further token of the sequence sees; its table keeps their places.
    mutating func releaseBehindWindow(of sequence: inout ScheduledSequence) {
        guard let window = configuration.attentionWindow else { return }
        let firstSeen = max(sequence.computedCount - window + 1, 0)
        while (sequence.leftCount + 1) * configuration.positionsPerBlock <= firstSeen {
            pool.release(
                sequence.blockTable[sequence.leftCount], inBackground: sequence.isBackground)
            sequence.leftCount += 1
        }
    }

    /// Gives up all blocks of a sequence, the last one first: it is the first to be forgotten.
    mutating func release(_ sequence: inout ScheduledSequence) {
        let owned = sequence.leftCount..<sequence.blockTable.count
        for place in owned.reversed() {
            pool.release(sequence.blockTable[place], inBackground: sequence.isBackground)
        }
        sequence.blockTable.removeAll(keepingCapacity: true)
        if let state = sequence.state {
            // Nobody needs what was to be copied there last.
            let read = stateCopies.lastIndex { $0.source == state } ?? -1
            let end = stateCopies.count
            for index in (read + 1..<end).reversed()
            where stateCopies[index].destination == state { stateCopies.remove(at: index) }
            states.release(state)
            sequence.state = nil
            (sequence.keptStateEnd, sequence.commonEnd) = (0, 0)
        }
        sequence.leftCount = 0
        sequence.publishedCount = 0
        sequence.prefix = .empty
        sequence.computedCount = 0
    }

    /// How many blocks become free if the sequence gives up its own.
    func unsharedCount(of sequence: ScheduledSequence) -> Int {
        sequence.blockTable[sequence.leftCount...].count { !pool.isShared($0) }
    }

    /// Checks everything that must hold between two steps for the blocks of running sequences.
    ///
    /// - Returns: one line for each rule that is broken; none if all is well.
    func checkInvariants(_ running: [ScheduledSequence]) -> [String] {
        var owners = Array(repeating: Int32(0), count: pool.blockCount)
        for sequence in running {
            for block in sequence.blockTable[sequence.leftCount...] { owners[Int(block)] += 1 }
        }
        return pool.checkInvariants(owners: owners) + running.flatMap(check)
            + states.checkInvariants(owned: running.compactMap(\.state))
    }

    private func check(_ sequence: ScheduledSequence) -> [String] {
        var broken: [String] = []
        func check(_ isTrue: Bool, _ rule: @autoclosure () -> String) {
            if !isTrue { broken.append("\(sequence.id) " + rule()) }
        }
        let size = configuration.positionsPerBlock
        let table = sequence.blockTable
        check(!table.isEmpty, "runs without blocks")
        check((sequence.state != nil) == states.areKept, "runs without a state")
        check(table.count * size >= sequence.computedCount, "has too few blocks")
        check(
            table.count <= configuration.blocks(for: sequence.worstCaseCount),
            "has too many blocks")
        let fullCount = configuration.cachesPrefixes ? sequence.computedCount / size : 0
        check(sequence.publishedCount == fullCount, "did not publish its blocks")
        var last: PrefixID?
        for place in sequence.leftCount..<table.count {
            let (parent, prefix, tokens) = pool.contents(of: table[place])
            if place < sequence.publishedCount {
                let own = sequence.tokens[place * size..<(place + 1) * size]
                check(prefix != nil && tokens == own, "owns block \(place) of somebody else")
                check(last == nil || parent == last, "owns block \(place) of another prefix")
                last = prefix
            } else {
                check(prefix == nil, "writes to a published block")
                let isFull = (place + 1) * size <= sequence.computedCount
                check(isFull || !pool.isShared(table[place]), "writes to a shared block")
            }
        }
        let isLast = sequence.publishedCount <= sequence.leftCount || last == sequence.prefix
        check(isLast, "has lost its prefix")
        return broken
    }
}
