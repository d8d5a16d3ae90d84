// SPDX-License-Identifier: Apache-2.0

internal import DequeModule
import Synchronization

/// The events of an answer that nobody has read yet.
final class EventBuffer: Sendable {
    private typealias Reader = CheckedContinuation<Void, Never>

    private struct Request {
        var isOpen = true
        var cancel: (@Sendable () -> Void)?
    }

    private struct State {
        /// The events that wait, each with the number of its request.
        var pending = Deque<(request: Int, event: GenerationEvent)>()

        /// How many may wait before tokens are joined.
        var limit = 0

        /// What to do with each request that has not ended if nobody reads any more.
        var requests: [Request] = []
        var openCount = 0
        var hasTicked = false
        var isCancelled = false

        /// Whether the reader wants to be woken only at the end.
        var isCollecting = false

        /// The task that waits.
        var reader: Reader?

        /// Whether the reader has something to do.
        var isReady: Bool {
            openCount == 0 || !isCollecting && (hasTicked || !pending.isEmpty)
        }

        /// The task that waits, if it has something to do now.
        mutating func takeReader() -> Reader? { isReady ? reader.take() : nil }

        /// Ends a request and forgets how to cancel it.
        mutating func end(_ request: Int) {
            if requests[request].isOpen { openCount -= 1 }
            requests[request] = Request(isOpen: false)
        }

        /// Adds an event, or its tokens to an event of the same choice if too many wait.
        mutating func append(_ event: GenerationEvent, of request: Int) {
            let isFull = pending.count >= (isCollecting ? 0 : limit)
            // One who waits for the whole answer gets it in one event.
            let joinableCount = isCollecting ? Int.max : GenerationStream.tokensPerEvent
            if isFull, case .output(let choice, let text, let tokens) = event,
                let index = lastOutput(ofChoice: choice, request),
                case .output(_, var joinedText, var joinedTokens) = pending[index].event,
                joinedTokens.count < joinableCount
            {
                // Without the placeholder the text would be shared, and copied each time it grows.
                pending[index].event = .promptLogprobs([])
                joinedText += text
                joinedTokens.append(contentsOf: tokens)
                pending[index].event = .output(
                    choice: choice, text: joinedText, tokens: joinedTokens)
                return
            }
            pending.append((request, event))
        }

        /// The last event that waits and has tokens of a choice.
        private func lastOutput(ofChoice choice: Int, _ request: Int) -> Int? {
            pending.indices.last { index in
                guard pending[index].request == request,
                    case .output(choice, _, _) = pending[index].event
                else { return false }
                return true
            }
        }
    }

    private let state = Mutex(State())

    /// Adds a request.
    func open(choiceCount: Int) -> EventSource {
        state.withLock { state in
            state.requests.append(Request())
            state.openCount += 1
            state.limit += choiceCount * GenerationStream.eventsPerChoice
            return EventSource(buffer: self, request: state.requests.count - 1)
        }
    }

    /// Adds an event of a request; `usage` is the request's last.
    func add(_ event: GenerationEvent, of request: Int) {
        let reader = state.withLock { state in
            guard state.requests[request].isOpen, !state.isCancelled else { return Reader?.none }
            state.append(event, of: request)
            if case .usage = event { state.end(request) }
            return state.takeReader()
        }
        reader?.resume()
    }

    /// Ends a request whether it has said everything or not.
    func end(_ request: Int) {
        let reader = state.withLock { state in
            state.end(request)
            return state.takeReader()
        }
        reader?.resume()
    }

    /// Says what to do if the reader goes away before a request has ended.
    func onCancellation(of request: Int, _ cancel: @escaping @Sendable () -> Void) {
        let isTooLate = state.withLock { state in
            if state.isCancelled { return true }
            if state.requests[request].isOpen { state.requests[request].cancel = cancel }
            return false
        }
        if isTooLate { cancel() }
    }

    /// Forgets everything, save for one who collects what the ended requests consumed, and cancels
    /// the requests that have not ended.
    func cancel() {
        let (reader, requests) = state.withLock { state in
            state.isCancelled = true
            state.pending.removeAll { entry in
                if state.isCollecting, case .usage = entry.event { false } else { true }
            }
            let requests = state.requests
            for index in requests.indices { state.end(index) }
            return (state.takeReader(), requests)
        }
        for request in requests where request.isOpen { request.cancel?() }
        reader?.resume()
    }

    /// Lets the reader see that some time has passed, once however often this is called before.
    func tick() {
        let reader = state.withLock { state in
            state.hasTicked = true
            return state.takeReader()
        }
        reader?.resume()
    }

    /// The next item, or nil at the end.
    func next() async -> GenerationStream.Item? {
        while true {
            if Task.isCancelled { cancel() }
            let item: GenerationStream.Item?? = state.withLock { state in
                if let (request, event) = state.pending.popFirst() {
                    return .event(event, request: request)
                }
                if state.openCount == 0 { return .some(nil) }
                if state.hasTicked {
                    state.hasTicked = false
                    return .tick
                }
                return nil
            }
            if let item { return item }
            await waitForMore()
        }
    }

    /// Everything that is left, once all requests have ended; after a cancellation, the usage of
    /// those that had ended before.
    func collect() async -> [(request: Int, event: GenerationEvent)] {
        state.withLock { $0.isCollecting = true }
        await waitForMore()
        return state.withLock { state in
            defer { state.pending.removeAll() }
            return Array(state.pending)
        }
    }

    /// Suspends until there is something to read.
    private func waitForMore() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { reader in
                let mustWait = state.withLock { state in
                    precondition(state.reader == nil, "two tasks read one stream")
                    if !state.isReady { state.reader = reader }
                    return state.reader != nil
                }
                if !mustWait { reader.resume() }
            }
        } onCancel: {
            cancel()
        }
    }
}
