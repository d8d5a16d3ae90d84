// SPDX-License-Identifier: Apache-2.0

import Generation
import Serving

/// Has the embeddings of many texts computed, some at a time, so that a long list neither fills the
/// queue nor stands before everybody else.
struct EmbeddingComputation: Sendable {
    private let model: ServedModel
    private let fields: QuestionFields
    private let context: RequestContext

    /// Texts that are submitted together: as many as possible, but no more than the queue has room for.
    private static let portionCounts = [64, 16, 4, 1]

    /// Portions that are under way at the same time: one is computed while others wait.
    private static let portionsAtOnce = 4

    /// A computation for whoever asks.
    init(_ plan: PlannedEmbedding, _ context: RequestContext) {
        model = plan.model
        fields = plan.fields
        self.context = context
    }

    /// Submits the first texts, which tells whether there is room, and computes all.
    ///
    /// - Returns: what computes the rest, and its result.
    /// - Throws: `APIError` where the engine refuses the first texts.
    func begin(
        _ requests: [GenerationRequest]
    ) throws(APIError)
        -> @Sendable () async throws(APIError) -> (
            vectors: [[Float]], usage: UsageReport
        )
    {
        var portionCount = requests.count
        var first: Answer?
        for count in Self.portionCounts where first == nil && !requests.isEmpty {
            portionCount = min(count, requests.count)
            // Of an attempt that is refused nobody has a place.
            var places: [QueuePlace] = []
            do throws(APIError) {
                first = try submit(requests[..<portionCount], from: 0) { places.append($0) }
                places.forEach(context.record.queued)
            } catch {
                guard case .overloaded = error, portionCount > 1 else { throw error }
            }
        }
        let portions = stride(from: 0, to: requests.count, by: max(1, portionCount)).map {
            $0..<min($0 + portionCount, requests.count)
        }
        return { [first] () async throws(APIError) in
            do {
                return try await compute(requests, portions, first)
            } catch let error as APIError {
                throw error
            } catch {
                throw .unavailable(reason: "The request was cancelled.")
            }
        }
    }

    private typealias Portion = (start: Int, answer: CollectedAnswer)

    private func compute(
        _ requests: [GenerationRequest], _ portions: [Range<Int>], _ first: Answer?
    ) async throws -> (vectors: [[Float]], usage: UsageReport) {
        var vectors = [[Float]](repeating: [], count: requests.count)
        var usage = UsageReport()
        try await withThrowingTaskGroup(of: Portion.self) { group in
            var next = 0
            func add() {
                guard next < portions.count else { return }
                let range = portions[next]
                let submitted = next == 0 ? first : nil
                next += 1
                group.addTask {
                    let answer =
                        if let submitted { submitted } else {
                            try await submitLater(requests[range], from: range.lowerBound)
                        }
                    return (range.lowerBound, try await collect(answer))
                }
            }
            for _ in 0..<Self.portionsAtOnce { add() }
            while let portion = try await group.next() {
                for (index, part) in portion.answer.parts.enumerated() {
                    if part.embedding == nil {
                        _ = try part.choices.first?.written()
                        throw APIError.failed(reason: "The model gave no embedding.")
                    }
                    vectors[portion.start + index] = part.embedding ?? []
                    if let consumed = part.usage { usage += UsageReport(context.told(consumed)) }
                }
                add()
            }
        }
        return (vectors, usage)
    }

    private func submit(
        _ requests: ArraySlice<GenerationRequest>, from start: Int, queued: (QueuePlace) -> Void
    ) throws(APIError) -> Answer {
        do throws(ServingError) {
            return try model.submit(Array(requests), for: context.asker, queued: queued)
        } catch {
            throw APIError(error.moved(by: start), fields: fields)
        }
    }

    /// Submits a later portion: what was begun is not given up because others fill the queue.
    private func submitLater(
        _ requests: ArraySlice<GenerationRequest>, from start: Int
    ) async throws -> Answer {
        var delay = Duration.milliseconds(5)
        while true {
            let result = Result { () throws(APIError) in
                try submit(requests, from: start, queued: context.record.queued)
            }
            guard case .failure(.overloaded) = result else { return try result.get() }
            try await Task.sleep(for: delay)
            delay = min(delay * 2, .milliseconds(500))
        }
    }

    private func collect(_ answer: Answer) async throws(APIError) -> CollectedAnswer {
        do throws(ServingError) {
            return try await answer.collected(consumed: context.record.consumed)
        } catch {
            throw APIError(error)
        }
    }
}

extension ServingError {
    /// The same of a later prompt.
    fileprivate func moved(by count: Int) -> ServingError {
        switch self {
        case .invalid(.prompt(let index), let expected):
            .invalid(.prompt(index + count), expected: expected)
        default: self
        }
    }
}
