// SPDX-License-Identifier: Apache-2.0

import Scheduling
import Testing

/// Prefixes of models that keep states are found up to the last position whose state was kept.
@Suite struct StateCheckpointTests {
    private func driver(
        stateCount: Int = 8, maxSequences: Int = 4, spacing: Int = 1024
    ) -> SchedulerDriver {
        SchedulerDriver(
            .init(
                maxSequences: maxSequences, blockCount: 64, positionsPerBlock: 8,
                stateCount: stateCount, checkpointSpacing: spacing, leastCheckpointTokens: 16))
    }

    private func request(_ tokens: [Int32]) -> SequenceRequest {
        SequenceRequest(promptTokens: tokens, maxTokens: 3)
    }

    /// Runs a prompt to its end, and tells where its steps began and how much of it was found.
    private func run(
        _ driver: inout SchedulerDriver, _ tokens: [Int32]
    ) throws -> (starts: [Int], found: Int) {
        let id = try driver.add(request(tokens))
        var starts: [Int] = []
        var found = 0
        while !driver.finished.contains(id) {
            driver.run()
            #expect(driver.scheduler.checkInvariants() == [])
            for slice in driver.step.slices where slice.startPosition < tokens.count {
                starts.append(slice.startPosition)
                found = slice.cachedCount
            }
        }
        return (starts, found)
    }

    @Test func `a prompt's step ends at its last full block, where its state is kept`() throws {
        var driver = driver()
        let tokens = (0..<Int32(44)).map { $0 }
        let first = try run(&driver, tokens)
        #expect(first.starts == [0, 40] && first.found == 0)
        #expect(driver.scheduler.checkpointCount == 1)

        let again = try run(&driver, tokens)
        #expect(again.starts == [40] && again.found == 40)
        #expect(driver.step.stateCopies.isEmpty)
        #expect(driver.scheduler.checkpointCount == 1)
    }

    @Test func `blocks without a state are not taken, and where prompts part the state is kept`()
        throws
    {
        var driver = driver()
        let common = (0..<Int32(30)).map { $0 }
        func prompt(_ last: Int32) -> [Int32] { common + Array(repeating: last, count: 20) }
        _ = try run(&driver, prompt(100))
        // Three blocks are common; the state is kept after the six of the first prompt alone.
        let second = try run(&driver, prompt(101))
        #expect(second.found == 0 && second.starts == [0, 24, 48])
        let third = try run(&driver, prompt(102))
        #expect(third.found == 24 && third.starts == [24, 48])
    }

    @Test func `long prompts keep states on their way only where places are free`() throws {
        var driver = driver(stateCount: 4, spacing: 32)
        let tokens = (0..<Int32(150)).map { $0 }
        let first = try run(&driver, tokens)
        // One place is the sequence's own, three are free: the end of the prompt takes one of those.
        #expect(first.starts == [0, 32, 64, 96, 128, 144])
        #expect(driver.scheduler.checkpointCount == 3)
        let other = try run(&driver, Array(tokens[..<70]) + [999])
        #expect(other.found == 64)
    }

    @Test func `equal prompts that arrive together are computed once`() throws {
        var driver = driver(maxSequences: 6)
        let tokens = (0..<Int32(60)).map { $0 }
        for last in 0..<4 { _ = try driver.add(request(tokens + [Int32(1_000 + last)])) }
        var computed = 0
        while driver.finished.count < 4 {
            driver.run()
            computed += driver.step.prefillCount
            #expect(driver.scheduler.checkInvariants() == [])
        }
        // Each computes what follows the last full block; the first of them all before it, too.
        #expect(computed <= 56 + 4 * 5)
    }

    @Test func `a sequence that is cancelled gives its place back`() throws {
        var driver = driver(stateCount: 4)
        let ids = try (0..<4).map { try driver.add(prompt: 20 + $0, maxTokens: 5) }
        driver.run()
        for id in ids { driver.cancel(id) }
        #expect(driver.scheduler.checkInvariants() == [])
        #expect(driver.scheduler.usedBlockCount == 0)
        _ = try run(&driver, (0..<Int32(44)).map { $0 })
    }
}
