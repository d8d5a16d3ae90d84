// SPDX-License-Identifier: Apache-2.0

import HTTP
import Testing

@Suite struct DeadlineWheelTests {
    @Test func `what is due comes when its tick has come, and not before`() {
        var wheel = DeadlineWheel()
        #expect(wheel.earliestTick == .max)
        #expect(wheel.add(1, at: 5, now: 0) == 5)
        #expect(wheel.add(2, at: 3, now: 0) == 3)
        #expect(wheel.earliestTick == 3)
        #expect(wheel.takeDue(at: 2) == [])
        #expect(wheel.takeDue(at: 4) == [2])
        #expect(wheel.earliestTick == 5)
        #expect(wheel.takeDue(at: 9) == [1])
        #expect(wheel.earliestTick == .max)
        #expect(wheel.takeDue(at: 5_000) == [])
    }

    @Test func `what is far away is found after one turn`() {
        var wheel = DeadlineWheel()
        let turn = Int64(DeadlineWheel.slotCount)
        #expect(wheel.add(1, at: 10 * turn, now: 100) == 100 + turn)
        #expect(wheel.takeDue(at: 99 + turn) == [])
        #expect(wheel.takeDue(at: 100 + turn) == [1])
    }

    @Test func `what is past is found with the next tick`() {
        var wheel = DeadlineWheel()
        #expect(wheel.takeDue(at: 50) == [])
        #expect(wheel.add(1, at: 20, now: 50) == 51)
        #expect(wheel.takeDue(at: 51) == [1])
    }

    @Test func `a long sleep finds all of them once`() {
        var wheel = DeadlineWheel()
        for id in 0..<10_000 as Range<UInt64> {
            _ = wheel.add(id, at: Int64(id % 2_000), now: 0)
        }
        #expect(wheel.takeDue(at: 1_000_000).sorted() == Array(0..<10_000))
        #expect(wheel.earliestTick == .max)
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `nothing comes late, and the earliest tick is never late`(seed: UInt64) {
        var random = SplitMix64(state: seed)
        var wheel = DeadlineWheel()
        var promised: [UInt64: Int64] = [:]
        var now: Int64 = 0
        for id in 0..<5_000 as Range<UInt64> {
            let tick = now + Int64(random.next() % 1_500)
            promised[id] = wheel.add(id, at: tick, now: now)
            #expect(wheel.earliestTick <= promised.values.min() ?? .max)
            if id % 3 == 0 { now += Int64(random.next() % 20) }
            for due in wheel.takeDue(at: now) {
                #expect(promised.removeValue(forKey: due).map { $0 <= now } == true)
            }
            #expect(promised.values.allSatisfy { $0 > now })
        }
    }
}
