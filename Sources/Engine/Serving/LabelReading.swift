// SPDX-License-Identifier: Apache-2.0

package import Generation
import Sampling

/// A prompt, and some continuations of which it is to be told how probable each is.
package struct LabelReading: Hashable, Sendable {
    /// The prompt; at least one token.
    package var prompt: [Int32]

    /// The continuations: all different, none of them empty.
    package var labels: [[Int32]]

    /// Creates a reading.
    package init(prompt: [Int32], labels: [[Int32]]) {
        self.prompt = prompt
        self.labels = labels
    }
}

/// How probable the continuations of a prompt are.
package struct LabelScores: Hashable, Sendable {
    /// The natural logarithm of each label's probability: that of its first token after the prompt,
    /// of its second after both, and so on.
    package var logprobs: [Double]

    /// What it took; the prompt counts once, however often its end was computed.
    package var usage: Usage

    /// Creates a record.
    package init(logprobs: [Double], usage: Usage) {
        self.logprobs = logprobs
        self.usage = usage
    }
}

/// What it takes to read some labels: where they go on from a common beginning, one row of logits
/// gives all their next tokens.
///
/// Labels of one token take a single row. Longer ones form a tree, whose inner nodes take a row
/// each; a request reads those along one way down.
struct LabelTree {
    /// A beginning that labels have in common, and how they go on.
    private struct Node {
        var path: [Int32]
        var nextTokens: [Int32]
    }

    /// A prompt to score, and the nodes whose rows it gives.
    private struct Way {
        let end: Int
        let nodes: [Int]
    }

    private let reading: LabelReading
    private let template: GenerationRequest
    private var nodes: [Node] = []
    private var nodesByPath: [[Int32]: Int] = [:]
    private var ways: [Way] = []

    init(_ reading: LabelReading, asking template: GenerationRequest) {
        self.reading = reading
        self.template = template
        for label in reading.labels {
            for (depth, token) in label.enumerated() { add(token, after: Array(label[..<depth])) }
        }
        var isRead = Array(repeating: false, count: nodes.count)
        // The deepest first, so that each way is as long as it gets.
        for index in nodes.indices.sorted(by: { nodes[$0].path.count > nodes[$1].path.count })
        where !isRead[index] {
            let way = way(to: index, besides: isRead)
            for node in way.nodes { isRead[node] = true }
            ways.append(way)
        }
    }

    private mutating func add(_ token: Int32, after path: [Int32]) {
        guard let index = nodesByPath[path] else {
            nodesByPath[path] = nodes.count
            nodes.append(Node(path: path, nextTokens: [token]))
            return
        }
        if !nodes[index].nextTokens.contains(token) { nodes[index].nextTokens.append(token) }
    }

    /// The way to a node, with those above it that no other way has read.
    private func way(to index: Int, besides isRead: [Bool]) -> Way {
        let path = nodes[index].path
        let passed = (0...path.count).compactMap { nodesByPath[Array(path[..<$0])] }
        return Way(end: index, nodes: passed.filter { !isRead[$0] })
    }

    /// How many requests there are.
    var requestCount: Int { ways.count }

    /// One of the requests, each of which the engine can answer alone.
    ///
    /// It has a copy of the prompt, so that no more of them are to be held than the engine takes.
    func request(_ place: Int) -> GenerationRequest {
        let (way, end) = (ways[place], nodes[ways[place].end])
        var request = template
        // What stands in the last place is never computed.
        request.promptTokens = reading.prompt + end.path + end.nextTokens.prefix(1)
        request.maxTokens = 0
        request.scoring = PromptScoring(
            places: way.nodes.map { node in
                PromptScoring.Place(
                    index: reading.prompt.count + nodes[node].path.count,
                    candidates: nodes[node].nextTokens)
            })
        return request
    }

    /// The labels' scores.
    ///
    /// - Parameter answers: what the engine said to each of the requests.
    /// - Returns: the scores; nil if something is missing.
    func scores(_ answers: [ScoredPlaces]) -> LabelScores? {
        var logprobs: [[Int32: Double]] = Array(repeating: [:], count: nodes.count)
        for (way, answer) in zip(ways, answers) {
            guard answer.places.count == way.nodes.count else { return nil }
            for (node, place) in zip(way.nodes, answer.places) {
                for candidate in place { logprobs[node][candidate.id] = candidate.logprob }
            }
        }
        var sums: [Double] = []
        for label in reading.labels {
            var sum = 0.0
            for (depth, token) in label.enumerated() {
                guard let node = nodesByPath[Array(label[..<depth])],
                    let logprob = logprobs[node][token]
                else { return nil }
                sum += logprob
            }
            sums.append(sum)
        }
        guard var usage = answers.first?.usage else { return nil }
        usage.promptTokens = reading.prompt.count
        usage.cachedPromptTokens = min(usage.cachedPromptTokens, usage.promptTokens)
        usage.cacheWriteTokens = min(
            usage.cacheWriteTokens, usage.promptTokens - usage.cachedPromptTokens)
        return LabelScores(logprobs: sums, usage: usage)
    }
}
