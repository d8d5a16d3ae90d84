// SPDX-License-Identifier: Apache-2.0

/// Which places for states are free, and which keep a state to go on from.
///
/// A model with recurrent layers keeps a state of each sequence, which is only of use at the position
/// where it was made. So a prefix can be found again only up to a position whose state was copied
/// aside: a checkpoint. Each running sequence has a place of its own; the others keep checkpoints,
/// and the one least recently used gives way where a place is needed.
struct StateSlots: Sendable {
    /// A state that was kept.
    private struct Checkpoint: Sendable {
        /// What it is the state after, and the block that ends with it.
        let end: BlockPool.Entry
        let slot: Int32
    }

    /// How many places there are.
    let count: Int

    /// The places that hold nothing; the last one is handed out next, as its memory is most likely
    /// warm.
    private var free: [Int32]

    /// The kept states, the least recently used first.
    private var checkpoints: [Checkpoint] = []

    /// Creates free places, numbered from 0.
    init(count: Int) {
        self.count = count
        free = (0..<Int32(count)).reversed()
    }

    /// Whether there are states at all.
    var areKept: Bool { count > 0 }

    /// How many states are kept.
    var checkpointCount: Int { checkpoints.count }

    /// Takes a place for a sequence.
    ///
    /// - Parameter isFound: whether a prefix can still be found; states after others are of no use.
    /// - Returns: nil where sequences have them all.
    mutating func take(isFound: (BlockPool.Entry) -> Bool) -> Int32? {
        if let slot = free.popLast() { return slot }
        guard !checkpoints.isEmpty else { return nil }
        let useless = checkpoints.firstIndex { !isFound($0.end) }
        return checkpoints.remove(at: useless ?? 0).slot
    }

    /// Gives a place back.
    mutating func release(_ slot: Int32) { free.append(slot) }

    /// Whether the state after a prefix is kept.
    func has(_ prefix: PrefixID) -> Bool { checkpoints.contains { $0.end.prefix == prefix } }

    /// Where the state after a prefix is kept, which is used now; nil: it is not.
    mutating func use(_ prefix: PrefixID) -> Int32? {
        guard let index = checkpoints.firstIndex(where: { $0.end.prefix == prefix }) else {
            return nil
        }
        let checkpoint = checkpoints.remove(at: index)
        checkpoints.append(checkpoint)
        return checkpoint.slot
    }

    /// Finds a place to keep the state after a prefix.
    ///
    /// - Parameters:
    ///   - end: the block that ends with it; its state is not kept yet.
    ///   - displaces: whether it takes the place of a state that was not used for longest, if no
    ///     place is free.
    ///   - isFound: as above.
    /// - Returns: the place; nil: the state is not to be kept.
    mutating func keep(
        _ end: BlockPool.Entry, displaces: Bool, isFound: (BlockPool.Entry) -> Bool
    ) -> Int32? {
        var slot = free.popLast()
        if slot == nil {
            let useless = checkpoints.firstIndex { !isFound($0.end) }
            if let index = useless ?? (displaces && !checkpoints.isEmpty ? 0 : nil) {
                slot = checkpoints.remove(at: index).slot
            }
        }
        guard let slot else { return nil }
        checkpoints.append(Checkpoint(end: end, slot: slot))
        return slot
    }

    /// Checks everything that must hold between two operations.
    ///
    /// - Parameter owned: the places of sequences.
    /// - Returns: one line for each rule that is broken; none if all is well.
    func checkInvariants(owned: [Int32]) -> [String] {
        let all = (free + checkpoints.map(\.slot) + owned).sorted()
        let prefixes = Set(checkpoints.map(\.end.prefix))
        return (all == Array(0..<Int32(count)) ? [] : ["states \(all) of \(count)"])
            + (prefixes.count == checkpoints.count ? [] : ["a state is kept twice"])
    }
}
