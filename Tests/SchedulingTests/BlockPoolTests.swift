// SPDX-License-Identifier: Apache-2.0

import Scheduling
import Testing

@Suite struct BlockPoolTests {
    @Test func `every block is handed out once, then none`() {
        var pool = BlockPool(blockCount: 3)
        let blocks = (0..<3).compactMap { _ in pool.allocate() }
        #expect(Set(blocks) == [0, 1, 2])
        let none = pool.allocate()
        #expect(none == nil)
        #expect(pool.freeCount == 0)
        #expect(pool.usedCount == 3)
    }

    @Test func `a block is freed with its last owner`() throws {
        var pool = BlockPool(blockCount: 1)
        let taken = pool.allocate()
        let block = try #require(taken)
        pool.retain(block)
        #expect(pool.isShared(block))
        pool.release(block)
        #expect(!pool.isShared(block))
        #expect(pool.freeCount == 0)
        pool.release(block)
        #expect(pool.freeCount == 1)
    }

    @Test func `the block freed last is used next`() throws {
        var pool = BlockPool(blockCount: 4)
        let taken = pool.allocate()
        let first = try #require(taken)
        _ = pool.allocate()
        pool.release(first)
        let next = pool.allocate()
        #expect(next == first)
    }

    @Test func `what only the background has used gives way first`() throws {
        var pool = BlockPool(blockCount: 4, positionsPerBlock: 2)
        let front = try publish([1, 2], to: &pool)
        let shared = try publish([3, 4], to: &pool)
        let back = try (0..<2).map { try publish([5, Int32($0)], to: &pool) }
        pool.release(front.block)
        // Somebody else had it, too, before the background gave it up.
        pool.retain(shared.block)
        pool.release(shared.block)
        pool.release(shared.block, inBackground: true)
        for entry in back { pool.release(entry.block, inBackground: true) }
        let order = (0..<4).compactMap { _ in pool.allocate() }
        #expect(order == [back[0].block, back[1].block, front.block, shared.block])
    }

    @Test func `a block that is handed out again is whoever's uses it next`() throws {
        var pool = BlockPool(blockCount: 2, positionsPerBlock: 2)
        let front = try publish([1, 2], to: &pool)
        pool.release(front.block)
        let other = try publish([3, 4], to: &pool)
        pool.release(other.block)
        // Of the front's block the background makes its own.
        let back = try publish([5, 6], to: &pool)
        #expect(back.block == front.block)
        pool.release(back.block, inBackground: true)
        let next = pool.allocate()
        #expect(next == back.block)
    }

    private func publish(
        _ tokens: [Int32], after parent: PrefixID = .empty, in scope: String = "",
        to pool: inout BlockPool
    ) throws -> BlockPool.Entry {
        let taken = pool.allocate()
        return pool.publish(
            try #require(taken), holding: tokens[...], after: parent,
            in: CacheScope(rawValue: scope))
    }

    @Test func `a published block is found by its tokens, its past and its scope`() throws {
        var pool = BlockPool(blockCount: 8, positionsPerBlock: 2)
        let scope = CacheScope(rawValue: "a")
        let first = try publish([1, 2], in: "a", to: &pool)
        let second = try publish([3, 4], after: first.prefix, in: "a", to: &pool)
        #expect(pool.find([1, 2], after: .empty, in: scope) == first)
        #expect(pool.find([3, 4], after: first.prefix, in: scope) == second)
        #expect(pool.find([1, 3], after: .empty, in: scope) == nil)
        #expect(pool.find([3, 4], after: .empty, in: scope) == nil)
        #expect(pool.find([1, 2], after: .empty, in: CacheScope(rawValue: "b")) == nil)
        #expect(pool.find([1, 2], after: second.prefix, in: scope) == nil)
    }

    @Test func `many prefixes in few buckets are told apart`() throws {
        var pool = BlockPool(blockCount: 64, positionsPerBlock: 1)
        var parent = PrefixID.empty
        var entries: [BlockPool.Entry] = []
        for token in 0..<64 {
            entries.append(try publish([Int32(token % 3)], after: parent, to: &pool))
            parent = entries[token].prefix
        }
        parent = .empty
        for token in 0..<64 {
            #expect(
                pool.find([Int32(token % 3)], after: parent, in: CacheScope()) == entries[token])
            parent = entries[token].prefix
        }
    }

    @Test func `what is published twice is kept once`() throws {
        var pool = BlockPool(blockCount: 4, positionsPerBlock: 2)
        let first = try publish([1, 2], to: &pool)
        let second = try publish([1, 2], to: &pool)
        #expect(first == second)
        #expect(pool.usedCount == 1)
        #expect(pool.isShared(first.block))
    }

    @Test func `a block without owners stays cached until its memory is needed`() throws {
        var pool = BlockPool(blockCount: 3, positionsPerBlock: 2)
        let entries = try (0..<3).map { try publish([$0, $0], to: &pool) }
        for index in [1, 0, 2] { pool.release(entries[index].block) }
        #expect(pool.freeCount == 3)
        #expect(pool.cachedCount == 3)
        // Used again, so it is the last to go.
        pool.retain(entries[1].block)
        pool.release(entries[1].block)
        let evicted = (0..<3).map { _ in pool.allocate() }
        #expect(evicted == [0, 2, 1].map { entries[$0].block })
        #expect(pool.statistics.evictedBlocks == 3)
        #expect(pool.find([1, 1], after: .empty, in: CacheScope()) == nil)
    }

    @Test func `a child does not outlive its parent's identity`() throws {
        var pool = BlockPool(blockCount: 2, positionsPerBlock: 2)
        let parent = try publish([1, 2], to: &pool)
        let child = try publish([3, 4], after: parent.prefix, to: &pool)
        pool.release(parent.block)
        let again = try publish([1, 2], to: &pool)
        #expect(again.block == parent.block)
        #expect(again.prefix != parent.prefix)
        #expect(pool.find([3, 4], after: again.prefix, in: CacheScope()) == nil)
        pool.release(child.block)
    }
}
