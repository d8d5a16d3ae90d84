// SPDX-License-Identifier: Apache-2.0

import Access
import Testing

/// What somebody may consume, at exact times.
@Suite struct LimitBookTests {
    private let clock = TestClock(1_800_000_000)
    private let book: LimitBook

    init() {
        let clock = clock
        book = LimitBook(
            clock: AccessClock(
                milliseconds: { clock.nowMilliseconds }, unixTime: { clock.now }))
    }

    private func caller(_ id: String = "a", _ set: (inout AccessLimits) -> Void) -> Caller {
        var limits = AccessLimits()
        set(&limits)
        return Caller(number: 1, id: id, name: id, owner: id, limits: limits)
    }

    /// The milliseconds that a request has to wait for; 0 where it came in and has ended.
    private func wait(_ caller: Caller, tokens: Int = 0) -> Int? {
        do throws(LimitRefusal) {
            try AccessLease(caller, in: book).settle(tokens: tokens)
            return 0
        } catch {
            return error.wait
        }
    }

    @Test func `a minute's requests may come at once, and then one after another`() {
        let caller = caller { $0.requestsPerMinute = 3 }
        for _ in 0..<3 { #expect(wait(caller) == 0) }
        #expect(wait(caller) == 20_000)
        clock.pass(milliseconds: 19_999)
        #expect(wait(caller) == 1)
        clock.pass(milliseconds: 1)
        #expect(wait(caller) == 0)
        #expect(wait(caller) == 20_000)
        clock.pass(3600)
        for _ in 0..<3 { #expect(wait(caller) == 0) }
        #expect(wait(caller) == 20_000)
    }

    @Test func `a request that will come again does not count among those of the day`() throws {
        let caller = caller { ($0.requestsPerDay, $0.tokensPerDay) = (2, 100) }
        for _ in 0..<5 {
            let lease = try AccessLease(caller, in: book, inBackground: true)
            try lease.reserve(prompt: 10, answer: 20)
            lease.withdraw()
            lease.settle(tokens: 30)
        }
        #expect(wait(caller, tokens: 50) == 0)
        #expect(wait(caller, tokens: 50) == 0)
        #expect(wait(caller) != 0)
    }

    @Test func `a request of yesterday that will come again takes nothing off today's`() throws {
        let caller = caller { $0.requestsPerDay = 2 }
        let lease = try AccessLease(caller, in: book, inBackground: true)
        clock.pass(86_400)
        #expect(wait(caller) == 0)
        lease.withdraw()
        #expect(wait(caller) == 0)
        #expect(wait(caller) != 0)
    }

    @Test func `what is kept for the background keeps nobody from asking`() throws {
        let caller = caller { $0.tokensPerDay = 100 }
        let line = try AccessLease(caller, in: book, inBackground: true)
        try line.reserve(prompt: 10, answer: 90)
        let other = try AccessLease(caller, in: book)
        try other.reserve(prompt: 10, answer: 50)
        other.settle(tokens: 60)
        #expect(book.report(of: caller).tokens?.remaining == 40)
        // Another line finds all that is kept.
        #expect(throws: LimitRefusal.self) {
            try AccessLease(caller, in: book, inBackground: true)
        }
        line.settle(tokens: 40)
        #expect(book.report(of: caller).tokens?.remaining == 0)
        #expect(wait(caller) != 0)
    }

    @Test(arguments: [1, 7, 59, 61, 997])
    func `the time that is told is exact to the millisecond`(limit: Int) throws {
        let caller = caller { $0.requestsPerMinute = limit }
        for _ in 0..<limit { #expect(wait(caller) == 0) }
        for _ in 0..<5 {
            let delay = try #require(wait(caller))
            #expect(delay > 0)
            clock.pass(milliseconds: delay - 1)
            #expect(wait(caller) == 1)
            clock.pass(milliseconds: 1)
            #expect(wait(caller) == 0)
        }
    }

    @Test func `a day's requests come back at midnight of UTC`() {
        let caller = caller { $0.requestsPerDay = 2 }
        #expect(wait(caller) == 0)
        #expect(wait(caller) == 0)
        let rest = 86_400 - 1_800_000_000 % 86_400
        #expect(wait(caller) == rest * 1000)
        clock.pass(rest - 1)
        #expect(wait(caller) == 1000)
        clock.pass(1)
        #expect(wait(caller) == 0)
    }

    @Test func `a day that the clock was ahead of is not used up by it`() {
        let caller = caller { $0.requestsPerDay = 1 }
        clock.pass(3 * 86_400)
        #expect(wait(caller) == 0)
        #expect(wait(caller) != 0)
        clock.pass(-3 * 86_400)
        #expect(wait(caller) == 0)
        #expect(wait(caller) != 0)
    }

    @Test func `who has used up a day is told so, not to come back in a minute`() throws {
        let caller = caller {
            $0.requestsPerMinute = 1
            $0.requestsPerDay = 1
        }
        #expect(wait(caller) == 0)
        #expect(try #require(wait(caller)) > 60_000)
    }

    @Test func `a debt of any size outlives a limit that is raised`() {
        #expect(wait(caller { $0.tokensPerMinute = 1 }, tokens: 100_000_000) == 0)
        #expect(wait(caller { $0.tokensPerMinute = 1_000_000_000 }) != 0)
    }

    @Test func `as many requests as are allowed run at the same time`() throws {
        let caller = caller { $0.concurrency = 2 }
        var leases = [try AccessLease(caller, in: book), try AccessLease(caller, in: book)]
        let refusal = #expect(throws: LimitRefusal.self) { try AccessLease(caller, in: book) }
        #expect(refusal?.kind == .concurrency)
        #expect(refusal?.used == 2)
        #expect(refusal?.retryAfterSeconds == 1)
        leases[0].settle(tokens: 5)
        leases[0].settle(tokens: 5)
        leases.append(try AccessLease(caller, in: book))
        #expect(throws: LimitRefusal.self) { try AccessLease(caller, in: book) }
        // Whoever forgets to end one has ended it.
        leases.removeAll()
        _ = [try AccessLease(caller, in: book), try AccessLease(caller, in: book)]
    }

    @Test func `a request that is refused takes nothing`() {
        let caller = caller {
            $0.requestsPerMinute = 60
            $0.concurrency = 1
        }
        do throws(LimitRefusal) {
            let lease = try AccessLease(caller, in: book)
            for _ in 0..<100 { #expect(wait(caller) == 1000) }
            lease.settle(tokens: 0)
        } catch {
            Issue.record("\(error)")
        }
        for _ in 0..<59 { #expect(wait(caller) == 0) }
        #expect(wait(caller) == 1000)
    }

    @Test func `tokens are kept at the prompt and settled at the end`() throws {
        let caller = caller { $0.tokensPerMinute = 600 }
        let lease = try AccessLease(caller, in: book)
        try lease.reserve(prompt: 100, answer: 400)
        #expect(book.report(of: caller).tokens?.remaining == 100)
        let other = try AccessLease(caller, in: book)
        let refusal = #expect(throws: LimitRefusal.self) {
            try other.reserve(prompt: 150, answer: 0)
        }
        // 50 tokens at 10 a second.
        #expect(refusal?.wait == 5000)
        #expect(refusal?.kind == .tokens)
        #expect(refusal?.span == "minute")
        lease.settle(tokens: 120)
        #expect(book.report(of: caller).tokens?.remaining == 480)
        try other.reserve(prompt: 150, answer: 0)
        other.settle(tokens: 150)
        #expect(book.report(of: caller).tokens?.remaining == 330)
        #expect(book.report(of: caller).tokens?.reset == 27_000)
    }

    @Test func `who has taken more than was kept pays it back first`() throws {
        let caller = caller { $0.tokensPerMinute = 600 }
        let lease = try AccessLease(caller, in: book)
        try lease.reserve(prompt: 10, answer: 0)
        lease.settle(tokens: 700)
        #expect(book.report(of: caller).tokens?.remaining == 0)
        #expect(wait(caller) == 10_100)
        clock.pass(milliseconds: 10_100)
        #expect(wait(caller) == 0)
    }

    @Test func `an answer of any length fits into a full limit, a prompt does not`() throws {
        let caller = caller {
            $0.tokensPerMinute = 600
            $0.tokensPerDay = 1000
        }
        let lease = try AccessLease(caller, in: book)
        try lease.reserve(prompt: 600, answer: 100_000)
        lease.settle(tokens: 0)
        #expect(book.report(of: caller).tokens?.remaining == 600)
        let long = try AccessLease(caller, in: book)
        let refusal = #expect(throws: LimitRefusal.self) {
            try long.reserve(prompt: 601, answer: 0)
        }
        #expect(refusal?.wait == nil)
        #expect(refusal?.retryAfterSeconds == nil)
    }

    @Test func `a day's tokens come back at midnight, whatever is still under way`() throws {
        let caller = caller { $0.tokensPerDay = 1000 }
        let lease = try AccessLease(caller, in: book)
        try lease.reserve(prompt: 900, answer: 0)
        let other = try AccessLease(caller, in: book)
        let refusal = #expect(throws: LimitRefusal.self) {
            try other.reserve(prompt: 101, answer: 0)
        }
        let rest = 86_400 - 1_800_000_000 % 86_400
        #expect(refusal?.span == "day")
        #expect(refusal?.wait == rest * 1000)
        clock.pass(rest)
        try other.reserve(prompt: 101, answer: 0)
        #expect(book.report(of: caller).tokens?.remaining == 899)
        // What was kept yesterday is not given back today.
        lease.settle(tokens: 900)
        other.settle(tokens: 101)
        #expect(book.report(of: caller).tokens?.remaining == 0)
        #expect(wait(caller) == 86_400_000)
    }

    @Test func `what was used before a restart counts on its day`() {
        let caller = caller { $0.requestsPerDay = 5 }
        book.recall(caller.id, requests: 4, tokens: 100)
        #expect(book.report(of: caller).requests?.remaining == 1)
        #expect(wait(caller) == 0)
        #expect(wait(caller) != 0)
    }

    @Test func `limits that change keep the share that is left`() {
        var caller = caller { $0.requestsPerMinute = 10 }
        for _ in 0..<5 { #expect(wait(caller) == 0) }
        caller = self.caller { $0.requestsPerMinute = 100 }
        #expect(book.report(of: caller).requests?.remaining == 50)
        caller = self.caller { _ in }
        #expect(book.report(of: caller).isEmpty)
        for _ in 0..<200 { #expect(wait(caller) == 0) }
    }

    @Test func `who has nothing to pay back is forgotten, and nobody else`() {
        book.recall("before", requests: 1, tokens: 1)
        for index in 0..<9000 { _ = wait(caller("n\(index)") { _ in }, tokens: 1) }
        #expect(book.count < 1000)
        for index in 0..<9000 { _ = wait(caller("d\(index)") { $0.requestsPerDay = 1 }) }
        #expect(book.count >= 9000)
        #expect(wait(caller("d0") { $0.requestsPerDay = 1 }) != 0)
        #expect(wait(caller("before") { $0.requestsPerDay = 1 }) != 0)
        clock.pass(86_400)
        for index in 0..<9000 { _ = wait(caller("m\(index)") { _ in }) }
        #expect(book.count < 9000)
        #expect(wait(caller("d0") { $0.requestsPerDay = 1 }) == 0)
    }

    @Test func `keys do not take from each other`() {
        let (one, other) = (
            caller("a") { $0.requestsPerMinute = 1 }, caller("b") { $0.requestsPerMinute = 1 }
        )
        #expect(wait(one) == 0)
        #expect(wait(one) == 60_000)
        #expect(wait(other) == 0)
    }

    @Test func `the minute is told where there is one, and else the day`() {
        let both = caller("a") {
            $0.requestsPerMinute = 6
            $0.requestsPerDay = 9
            $0.tokensPerDay = 50
        }
        #expect(wait(both, tokens: 20) == 0)
        let report = book.report(of: both)
        #expect(report.requests?.limit == 6)
        #expect(report.requests?.remaining == 5)
        #expect(report.requests?.reset == 10_000)
        #expect(report.requests?.isOfMinute == true)
        #expect(report.tokens?.limit == 50)
        #expect(report.tokens?.remaining == 30)
        #expect(report.tokens?.isOfMinute == false)
    }
}
