// SPDX-License-Identifier: Apache-2.0

package import Generation
import Sampling

/// What the engine says to a request that asks for a scoring.
struct ScoredPlaces: Sendable {
    /// For each place, the candidates with their log probabilities.
    var places: [[TokenLogprob]]

    var usage: Usage
}

/// Has an engine read the labels of many prompts, mostly prompts that begin alike.
///
/// The first prompt goes alone, so that its beginning is in the prefix cache when the others
/// follow: each of these computes no more than the part of its last shared block and its own end.
/// They go a few at a time, so that hundreds of them neither fill the queue nor hold KV blocks
/// for what has no turn yet; a full queue makes them wait while any of them is being answered.
package struct LabelReader: Sendable {
    /// How many requests are with the engine at a time.
    private static let mostAtOnce = 16

    private let engine: any CompletionEngine
    private let template: GenerationRequest

    /// A reader.
    ///
    /// - Parameters:
    ///   - engine: what computes.
    ///   - template: who asks, how urgently, and by when all must be done.
    init(engine: any CompletionEngine, template: GenerationRequest) {
        self.engine = engine
        self.template = template
    }

    /// Reads the labels of all prompts.
    ///
    /// - Parameters:
    ///   - readings: the prompts and their labels.
    ///   - queued: is told where the first stands in the queue, once it does.
    ///   - consumed: is told what each prompt has consumed whose labels were read, also where others
    ///     were not.
    /// - Returns: the scores, in the order of the prompts.
    /// - Throws: `ServingError`, which names the prompt by its place; the rest is then cancelled.
    package func scores(
        of readings: [LabelReading], queued: (QueuePlace) -> Void = { _ in },
        consumed: (Usage) -> Void = { _ in }
    ) async throws(ServingError) -> [LabelScores] {
        let trees = readings.map { LabelTree($0, asking: template) }
        var jobs: [(prompt: Int, place: Int)] = []
        for (prompt, tree) in trees.enumerated() {
            jobs += (0..<tree.requestCount).map { (prompt, $0) }
        }
        let (answers, error) = await answers(to: jobs, of: trees, queued: queued)
        var rest = answers[...]
        var scores: [LabelScores] = []
        for tree in trees {
            let own = rest.prefix(tree.requestCount).compactMap { $0 }
            rest.removeFirst(tree.requestCount)
            if own.count < tree.requestCount { continue }
            guard let score = tree.scores(own) else {
                throw .failed(reason: "the engine left out a label")
            }
            consumed(score.usage)
            scores.append(score)
        }
        if let error { throw error }
        return scores
    }

    /// What was answered until all was, or something could not be.
    private func answers(
        to jobs: [(prompt: Int, place: Int)], of trees: [LabelTree],
        queued: (QueuePlace) -> Void
    ) async -> (answers: [ScoredPlaces?], error: ServingError?) {
        let start = ContinuousClock.now
        typealias Outcome = (job: Int, answer: Result<ScoredPlaces, ServingError>)
        return await withTaskGroup(of: Outcome.self) { group in
            var answers = [ScoredPlaces?](repeating: nil, count: jobs.count)
            var next = 0
            var openCount = 0
            while next < jobs.count || openCount > 0 {
                // Until the first is answered, nothing is gained by having the others wait inside.
                let limit = answers[0] == nil ? 1 : Self.mostAtOnce
                while next < jobs.count, openCount < limit {
                    let stream = GenerationStream()
                    do throws(SubmissionError) {
                        let request = trees[jobs[next].prompt].request(jobs[next].place)
                        let place = try engine.accept(
                            remaining(of: request, since: start), to: stream)
                        if next == 0 { queued(place) }
                    } catch {
                        if case .overloaded = error, openCount > 0 { break }
                        group.cancelAll()
                        return (answers, ServingError(error, prompt: jobs[next].prompt))
                    }
                    group.addTask { [next] in (next, await Self.answer(stream)) }
                    next += 1
                    openCount += 1
                }
                guard let (job, answer) = await group.next() else { break }
                openCount -= 1
                switch answer {
                case .success(let places): answers[job] = places
                case .failure(let error):
                    group.cancelAll()
                    return (answers, error)
                }
            }
            return (answers, answers.contains { $0 == nil } ? .cancelled : nil)
        }
    }

    /// The request with what is left of its time.
    private func remaining(
        of request: GenerationRequest, since start: ContinuousClock.Instant
    ) -> GenerationRequest {
        var request = request
        if let limit = request.timeLimit {
            request.timeLimit = max(.nanoseconds(1), limit - start.duration(to: .now))
        }
        return request
    }

    /// What comes of one request.
    private static func answer(
        _ stream: GenerationStream
    ) async -> Result<ScoredPlaces, ServingError> {
        var places: [[TokenLogprob]] = []
        for (_, event) in await stream.collect() {
            switch event {
            case .promptLogprobs(let logprobs): places = logprobs.map { $0?.top ?? [] }
            case .output, .embedding: break
            case .finished(_, .error(let reason), _): return .failure(.failed(reason: reason))
            case .finished(_, .unavailable(let reason, let delay), _):
                return .failure(.unavailable(reason: reason, retryAfter: delay))
            case .finished(_, .expired, _): return .failure(.expired)
            case .finished(_, .cancelled, _): return .failure(.stopping)
            case .finished: break
            case .usage(let usage): return .success(ScoredPlaces(places: places, usage: usage))
            }
        }
        return .failure(.cancelled)
    }
}

extension ServedModel {
    /// What reads labels for a client.
    ///
    /// - Parameters:
    ///   - generation: its priority, cache scope and time limit count.
    ///   - client: who asks.
    /// - Returns: a reader.
    package func labelReader(
        _ generation: GenerationRequest, for client: Client
    ) -> LabelReader {
        var template = generation
        template.maxTokens = 0
        return LabelReader(engine: engine, template: client.owning(template))
    }
}
