// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The place of one request within the limits of whoever asks.
///
/// It is given back when the request ends, at the latest when nobody holds it any more.
package final class AccessLease: Sendable {
    private struct State {
        var reservation = LimitBook.Reservation()
        var hasEnded = false
    }

    private let caller: Caller
    private let book: LimitBook
    private let inBackground: Bool
    private let state = Mutex(State())

    /// Lets a request in, and counts it.
    ///
    /// - Parameters:
    ///   - caller: whose it is.
    ///   - book: where it is counted.
    ///   - inBackground: whether it waits while anybody else asks, so that only days count.
    /// - Throws: why it has to come later.
    package init(
        _ caller: Caller, in book: LimitBook, inBackground: Bool = false
    ) throws(LimitRefusal) {
        self.caller = caller
        self.book = book
        self.inBackground = inBackground
        let refusal = state.withLock { state in
            book.enter(caller, inBackground: inBackground, into: &state.reservation)
        }
        if let refusal {
            // What never came in has no place to give back.
            state.withLock { $0.hasEnded = true }
            throw refusal
        }
    }

    deinit { settle(tokens: 0) }

    /// Keeps tokens for prompts and their answers.
    ///
    /// - Parameters:
    ///   - prompt: those of the prompts.
    ///   - answer: those that the answers may have, as far as the request says so.
    /// - Throws: why they are not there.
    package func reserve(prompt: Int, answer: Int) throws(LimitRefusal) {
        let refusal = state.withLock { state in
            book.reserve(
                for: caller, prompt: prompt, answer: answer, into: &state.reservation,
                inBackground: inBackground)
        }
        if let refusal { throw refusal }
    }

    /// Ends the request; only the first call does anything.
    ///
    /// - Parameter tokens: what it took.
    package func settle(tokens: Int) { end(tokens: tokens, isCounted: true) }

    /// Ends the request as if it had never come: it will come again.
    package func withdraw() { end(tokens: 0, isCounted: false) }

    private func end(tokens: Int, isCounted: Bool) {
        let reservation: LimitBook.Reservation? = state.withLock { state in
            if state.hasEnded { return nil }
            state.hasEnded = true
            return state.reservation
        }
        if let reservation {
            book.leave(
                caller, tokens: tokens, reservation, inBackground: inBackground,
                isCounted: isCounted)
        }
    }

    /// What is left to whoever asks.
    package var report: LimitReport { book.report(of: caller) }
}
