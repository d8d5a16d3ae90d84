// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What everybody has consumed of his limits.
///
/// Minutes are buckets that fill evenly, as OpenAI documents them, so that after a pause a minute's
/// worth may come at once. Days are those of UTC, of which a restart knows what was used before.
package final class LimitBook: Sendable {
    private struct Account {
        var limits = AccessLimits()
        var requests: TokenBucket?
        var tokens: TokenBucket?
        var requestsOfDay: DayCount
        var tokensOfDay: DayCount
        /// What of that is kept for requests of the background, and may never be needed.
        var keptInBackground: DayCount
        var running = 0
        /// Whether it holds what was consumed before the process began, by somebody who has not asked
        /// since.
        var isRecalled = false

        init(at clock: AccessClock) {
            requestsOfDay = DayCount(at: clock.unixTime())
            tokensOfDay = requestsOfDay
            keptInBackground = requestsOfDay
        }

        /// Takes over limits that may have changed, and adds what the time has brought.
        mutating func keep(to limits: AccessLimits, at clock: AccessClock) {
            let now = clock.milliseconds()
            if limits != self.limits {
                self.limits = limits
                requests = limits.requestsPerMinute.map {
                    TokenBucket(capacity: $0, like: requests, period: 60_000, at: now)
                }
                tokens = limits.tokensPerMinute.map {
                    TokenBucket(capacity: $0, like: tokens, period: 60_000, at: now)
                }
            }
            requests?.fill(to: now)
            tokens?.fill(to: now)
            let time = clock.unixTime()
            requestsOfDay.turn(to: time)
            tokensOfDay.turn(to: time)
            keptInBackground.turn(to: time)
        }

        /// What was used of the day's tokens, as it is told to those who ask themselves: nothing that
        /// is only kept for the background keeps them from asking.
        var tokensUsed: DayCount {
            var count = tokensOfDay
            count.add(-keptInBackground.used)
            return count
        }

        /// Whether a new account would allow the same.
        var isIdle: Bool {
            let countsRequests = isRecalled || limits.requestsPerDay != nil
            let countsTokens = isRecalled || limits.tokensPerDay != nil
            return running == 0 && requests?.isFull ?? true && tokens?.isFull ?? true
                && (!countsRequests || requestsOfDay.used == 0)
                && (!countsTokens || tokensOfDay.used == 0)
        }
    }

    private struct Accounts {
        private(set) var all: [String: Account] = [:]
        /// Beyond so many, those that are idle are forgotten.
        private var sweepCount = 8192

        subscript(id: String) -> Account? {
            get { all[id] }
            set { all[id] = newValue }
        }

        /// Makes room for another one.
        mutating func sweep(at clock: AccessClock) {
            guard all.count >= sweepCount else { return }
            for (id, var account) in all {
                account.keep(to: account.limits, at: clock)
                if account.isIdle { all[id] = nil }
            }
            // So that many who are not idle are not all looked at for each that comes.
            sweepCount = max(8192, 2 * all.count)
        }
    }

    private let clock: AccessClock
    private let accounts = Mutex(Accounts())

    /// How many there are who are not forgotten.
    package var count: Int { accounts.withLock { $0.all.count } }

    /// Nobody has consumed anything yet.
    package init(clock: AccessClock) { self.clock = clock }

    private func with<Result>(
        _ caller: Caller, _ body: (inout Account) -> Result
    ) -> Result where Result: Sendable {
        accounts.withLock { accounts in
            if accounts[caller.id] == nil { accounts.sweep(at: clock) }
            var account = accounts[caller.id] ?? Account(at: clock)
            account.isRecalled = false
            account.keep(to: caller.limits, at: clock)
            let result = body(&account)
            accounts[caller.id] = account
            return result
        }
    }

    /// Why a request would have to come later, if it would.
    package func refusal(of caller: Caller) -> LimitRefusal? {
        with(caller) { refusal(of: caller, $0) }
    }

    /// Lets a request in, and counts it.
    ///
    /// - Parameters:
    ///   - caller: whose it is.
    ///   - inBackground: whether it waits while anybody else asks: then only days count, for what is
    ///     done when nobody wants the machine takes nothing of a minute from anybody.
    ///   - reservation: receives the day on which it came.
    /// - Returns: why it has to come later, if it has.
    func enter(
        _ caller: Caller, inBackground: Bool, into reservation: inout Reservation
    ) -> LimitRefusal? {
        let (found, day) = with(caller) { account -> (LimitRefusal?, Int) in
            let day = account.requestsOfDay.day
            if let refusal = refusal(of: caller, account, inBackground: inBackground) {
                return (refusal, day)
            }
            account.requestsOfDay.add(1)
            if inBackground { return (nil, day) }
            account.running += 1
            account.requests?.take(1)
            return (nil, day)
        }
        reservation.entered = day
        return found
    }

    private func refusal(
        of caller: Caller, _ account: Account, inBackground: Bool = false
    ) -> LimitRefusal? {
        let limits = account.limits
        if !inBackground, let limit = limits.concurrency, account.running >= limit {
            return LimitRefusal(
                kind: .concurrency, span: "", name: caller.name, limit: limit,
                used: account.running, requested: 1, wait: 1000)
        }
        // The day first: whoever has used it up need not come back in a minute.
        if let limit = limits.requestsPerDay, account.requestsOfDay.used >= limit {
            return LimitRefusal(
                kind: .requests, span: "day", name: caller.name, limit: limit,
                used: account.requestsOfDay.used, requested: 1,
                wait: DayCount.wait(at: clock.unixTime()))
        }
        if !inBackground, let bucket = account.requests, bucket.remaining < 1 {
            return LimitRefusal(
                kind: .requests, span: "minute", name: caller.name, limit: bucket.capacity,
                used: bucket.capacity, requested: 1, wait: bucket.wait(for: 1))
        }
        // Who has tokens to pay back cannot even ask.
        return tokenRefusal(
            of: caller, account, prompt: 1, requested: 1, inBackground: inBackground)
    }

    private func tokenRefusal(
        of caller: Caller, _ account: Account, prompt: Int, requested: Int, inBackground: Bool
    ) -> LimitRefusal? {
        if !inBackground, let bucket = account.tokens {
            let needed = prompt > bucket.capacity ? prompt : min(requested, bucket.capacity)
            let wait = bucket.wait(for: needed)
            if wait != 0 {
                return LimitRefusal(
                    kind: .tokens, span: "minute", name: caller.name, limit: bucket.capacity,
                    used: bucket.capacity - bucket.remaining, requested: needed, wait: wait)
            }
        }
        if let limit = account.limits.tokensPerDay {
            let needed = prompt > limit ? prompt : min(requested, limit)
            let used = (inBackground ? account.tokensOfDay : account.tokensUsed).used
            if used + needed > limit {
                return LimitRefusal(
                    kind: .tokens, span: "day", name: caller.name, limit: limit,
                    used: used, requested: needed,
                    wait: prompt > limit ? nil : DayCount.wait(at: clock.unixTime()))
            }
        }
        return nil
    }

    /// What is kept for a request until it is known what it takes.
    struct Reservation: Hashable, Sendable {
        var ofMinute = 0
        var ofDay = 0
        var day = 0
        /// The day on which the request came.
        var entered = 0
    }

    /// Keeps tokens for a request.
    ///
    /// - Parameters:
    ///   - caller: whose they are.
    ///   - prompt: those of its prompts, which it takes in any case.
    ///   - answer: those that its answers may have, as far as the request limits them. More than the
    ///     limits hold is kept as far as there is room in them.
    ///   - reservation: receives what was kept.
    ///   - inBackground: as it came in.
    /// - Returns: why there is no room, if there is none.
    func reserve(
        for caller: Caller, prompt: Int, answer: Int, into reservation: inout Reservation,
        inBackground: Bool
    ) -> LimitRefusal? {
        let entered = reservation.entered
        let (refusal, kept) = with(caller) { account -> (LimitRefusal?, Reservation) in
            let requested = prompt + answer
            if let refusal = tokenRefusal(
                of: caller, account, prompt: prompt, requested: requested,
                inBackground: inBackground)
            {
                return (refusal, Reservation(entered: entered))
            }
            let kept = Reservation(
                ofMinute: inBackground
                    ? 0 : min(requested, account.tokens?.capacity ?? requested),
                ofDay: min(requested, account.limits.tokensPerDay ?? requested),
                day: account.tokensOfDay.day, entered: entered)
            account.tokens?.take(kept.ofMinute)
            account.tokensOfDay.add(kept.ofDay)
            if inBackground { account.keptInBackground.add(kept.ofDay) }
            return (nil, kept)
        }
        reservation = kept
        return refusal
    }

    /// Ends a request.
    ///
    /// - Parameters:
    ///   - caller: whose it was.
    ///   - tokens: what it took.
    ///   - reservation: what was kept for it.
    ///   - inBackground: as it came in.
    ///   - isCounted: whether it counts among the requests of the day.
    func leave(
        _ caller: Caller, tokens: Int, _ reservation: Reservation, inBackground: Bool,
        isCounted: Bool = true
    ) {
        with(caller) { account in
            // A request of yesterday counts no more.
            if !isCounted, reservation.entered == account.requestsOfDay.day {
                account.requestsOfDay.add(-1)
            }
            if !inBackground {
                account.running = max(0, account.running - 1)
                account.tokens?.take(tokens - reservation.ofMinute)
            }
            // What was kept yesterday is gone with the day.
            let isSameDay = reservation.day == account.tokensOfDay.day
            account.tokensOfDay.add(tokens - (isSameDay ? reservation.ofDay : 0))
            if inBackground, isSameDay { account.keptInBackground.add(-reservation.ofDay) }
        }
    }

    /// Counts what was consumed on this day before the process began.
    ///
    /// - Parameters:
    ///   - id: who has consumed it.
    ///   - requests: his requests.
    ///   - tokens: those of prompts and answers.
    package func recall(_ id: String, requests: Int, tokens: Int) {
        accounts.withLock { accounts in
            var account = accounts[id] ?? Account(at: clock)
            account.isRecalled = true
            account.requestsOfDay.add(requests)
            account.tokensOfDay.add(tokens)
            accounts[id] = account
        }
    }

    /// What is left to somebody.
    package func report(of caller: Caller) -> LimitReport {
        let reset = DayCount.wait(at: clock.unixTime())
        func allowance(
            _ bucket: TokenBucket?, _ limit: Int?, _ day: DayCount
        )
            -> LimitReport.Allowance?
        {
            if let bucket {
                return LimitReport.Allowance(
                    limit: bucket.capacity, remaining: bucket.remaining, reset: bucket.reset,
                    isOfMinute: true)
            }
            return limit.map {
                LimitReport.Allowance(
                    limit: $0, remaining: max(0, $0 - day.used), reset: reset, isOfMinute: false)
            }
        }
        return with(caller) { account in
            LimitReport(
                requests: allowance(
                    account.requests, account.limits.requestsPerDay, account.requestsOfDay),
                tokens: allowance(account.tokens, account.limits.tokensPerDay, account.tokensUsed))
        }
    }
}

/// What time it is.
package struct AccessClock: Sendable {
    /// The milliseconds since some time, which never go back.
    let milliseconds: @Sendable () -> Int

    /// The seconds since 1970.
    package let unixTime: @Sendable () -> Int

    /// A clock.
    package init(
        milliseconds: @escaping @Sendable () -> Int, unixTime: @escaping @Sendable () -> Int
    ) {
        self.milliseconds = milliseconds
        self.unixTime = unixTime
    }

    /// The machine's.
    package static func system(unixTime: @escaping @Sendable () -> Int) -> AccessClock {
        let start = ContinuousClock.now
        return AccessClock(
            milliseconds: { Int((ContinuousClock.now - start) / .milliseconds(1)) },
            unixTime: unixTime)
    }
}
