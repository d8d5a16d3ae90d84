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
}
