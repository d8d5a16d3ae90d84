// SPDX-License-Identifier: Apache-2.0

import Scheduling

/// Stands for the KV cache: each place remembers the whole prefix that was written there, as a hash.
///
/// Whatever a sequence would read, of its own or shared, must be what it would have computed itself.
struct PagedMemory {
    let positionsPerBlock: Int
    let window: Int?
    private var cells: [UInt64]
    /// The prefix that each state is after.
    private var states: [UInt64]

    init(_ configuration: Scheduler.Configuration) {
        positionsPerBlock = configuration.positionsPerBlock
        window = configuration.attentionWindow
        states = Array(repeating: 0, count: configuration.stateCount)
        cells = Array(repeating: 0, count: configuration.blockCount * positionsPerBlock)
    }

    /// The hash of a prefix with one more token.
    static func hash(_ prefix: UInt64, _ token: Int32) -> UInt64 {
        let mixed = (prefix ^ UInt64(UInt32(bitPattern: token))) &* 0x9E37_79B9_7F4A_7C15
        return mixed ^ (mixed >> 29)
    }

    mutating func copy(_ copy: ScheduledStep.BlockCopy) {
        for offset in 0..<positionsPerBlock {
            cells[Int(copy.destination) * positionsPerBlock + offset] =
                cells[Int(copy.source) * positionsPerBlock + offset]
        }
    }

    mutating func copy(_ copy: ScheduledStep.StateCopy) {
        states[Int(copy.destination)] = states[Int(copy.source)]
    }

    /// Passes a prefix's next tokens through a state.
    ///
    /// - Parameters:
    ///   - hashes: of the sequence.
    ///   - range: the tokens.
    ///   - state: where its state is.
    /// - Returns: false where that is the state after something else.
    mutating func pass(_ hashes: [UInt64], _ range: Range<Int>, state: Int32) -> Bool {
        guard !states.isEmpty else { return true }
        let isRight =
            range.lowerBound == 0 || states[Int(state)] == hashes[range.lowerBound - 1]
        states[Int(state)] = hashes[range.upperBound - 1]
        return isRight
    }

    /// What a block holds.
    func contents(of block: Int32) -> [UInt64] {
        let start = Int(block) * positionsPerBlock
        return Array(cells[start..<start + positionsPerBlock])
    }

    mutating func fill(_ block: Int32, with hashes: [UInt64]) {
        let start = Int(block) * positionsPerBlock
        cells.replaceSubrange(start..<start + positionsPerBlock, with: hashes)
    }

    mutating func write(_ hashes: ArraySlice<UInt64>, blockTable: [Int32]) {
        for position in hashes.indices {
            cells[place(of: position, in: blockTable)] = hashes[position]
        }
    }

    /// Whether every position that a token at the end sees holds what it should.
    func holds(_ hashes: ArraySlice<UInt64>, blockTable: [Int32]) -> Bool {
        let firstSeen = window.map { max(hashes.endIndex - $0, 0) } ?? 0
        for position in firstSeen..<hashes.endIndex
        where cells[place(of: position, in: blockTable)] != hashes[position] {
            return false
        }
        return true
    }

    private func place(of position: Int, in blockTable: [Int32]) -> Int {
        Int(blockTable[position / positionsPerBlock]) * positionsPerBlock
            + position % positionsPerBlock
    }
}
