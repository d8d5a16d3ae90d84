// SPDX-License-Identifier: Apache-2.0

/// The tokens that a chain of samplers has left, with what it has made of their logits.
///
/// Every operation gives the same list on every processor; equal values are ordered by the lower id.
/// The memory is allocated once.
struct CandidateList {
    /// A token.
    struct Candidate {
        var id: Int32
        var logit: Float

        /// After `normalize`, its probability among the candidates.
        var probability = 0.0

        /// What candidates are ordered by, the greatest first.
        var key = 0.0

        func precedes(_ other: Candidate) -> Bool {
            key > other.key || (key == other.key && id < other.id)
        }
    }

    private var candidates: [Candidate] = []

    /// Whether they are in the order of their logits, best first.
    private(set) var isSorted = false

    /// Whether they are in the order of their ids.
    private(set) var isInIDOrder = true

    init(capacity: Int) { candidates.reserveCapacity(capacity) }

    var count: Int { candidates.count }

    subscript(index: Int) -> Candidate { candidates[index] }

    mutating func removeAll() {
        candidates.removeAll(keepingCapacity: true)
        isSorted = false
        isInIDOrder = true
    }

    /// Adds a token; they come in the order of their ids.
    mutating func append(_ id: Int32, _ logit: Float) {
        candidates.append(Candidate(id: id, logit: logit))
    }

    /// The place of a token, while they are in the order of their ids.
    func index(of token: Int32) -> Int? {
        var low = 0
        var high = candidates.count
        while low < high {
            let middle = (low + high) / 2
            if candidates[middle].id < token { low = middle + 1 } else { high = middle }
        }
        return low < candidates.count && candidates[low].id == token ? low : nil
    }

    /// Gives the token in a place another logit.
    mutating func setLogit(_ logit: Float, at index: Int) {
        candidates[index].logit = logit
        isSorted = false
    }

    /// Changes every logit; those that leave the range of floats become the greatest or the least.
    mutating func mapLogits(_ transform: (Candidate) -> Float) {
        for index in candidates.indices {
            let logit = transform(candidates[index])
            candidates[index].logit =
                logit.isFinite
                ? logit
                : logit > 0 ? .greatestFiniteMagnitude : -.greatestFiniteMagnitude
        }
        isSorted = false
    }

    /// The greatest logit; the list must not be empty.
    var maximum: Float {
        var maximum = -Float.infinity
        for index in candidates.indices { maximum = max(maximum, candidates[index].logit) }
        return maximum
    }

    /// Gives each candidate its probability.
    mutating func normalize() {
        let maximum = Double(maximum)
        var sum = 0.0
        for index in candidates.indices {
            let weight = PortableMath.exp(Double(candidates[index].logit) - maximum)
            candidates[index].probability = weight
            sum += weight
        }
        for index in candidates.indices { candidates[index].probability /= sum }
    }

    /// The entropy of the probabilities, in nats.
    var entropy: Double {
        var entropy = 0.0
        for index in candidates.indices {
            let probability = candidates[index].probability
            if probability >= .leastNormalMagnitude {
                entropy -= probability * PortableMath.log(probability)
            }
        }
        return entropy
    }

    /// Keeps each candidate's probability as its key, whatever becomes of its logit.
    mutating func keepProbabilitiesAsKeys() {
        for index in candidates.indices { candidates[index].key = candidates[index].probability }
    }

    /// The candidate of the greatest logit, of several the one with the lowest id; the list must not
    /// be empty.
    var best: Candidate {
        var best = candidates[0]
        for index in candidates.indices {
            let candidate = candidates[index]
            if (best.logit, -best.id) < (candidate.logit, -candidate.id) { best = candidate }
        }
        return best
    }

    // MARK: Leaving out

    /// Keeps the candidates of a condition, in their order.
    mutating func keep(where isKept: (Candidate) -> Bool) {
        var kept = 0
        for index in candidates.indices where isKept(candidates[index]) {
            candidates[kept] = candidates[index]
            kept += 1
        }
        candidates.removeLast(candidates.count - kept)
    }

    /// Keeps the candidates of the greatest logits, best first, until it is enough.
    ///
    /// - Parameter isEnough: is asked after each one that was kept.
    /// - Complexity: O(all + kept · log all).
    mutating func keepBest(until isEnough: (Candidate, _ keptCount: Int) -> Bool) {
        if isSorted {
            var kept = 0
            while kept < candidates.count {
                kept += 1
                if isEnough(candidates[kept - 1], kept) { break }
            }
            candidates.removeLast(candidates.count - kept)
            return
        }
        for index in candidates.indices { candidates[index].key = Double(candidates[index].logit) }
        keepFirst(until: isEnough)
        isSorted = true
    }

    /// Keeps the candidates of the greatest keys, greatest first, until it is enough.
    mutating func keepByKey(
        _ key: (Candidate) -> Double, until isEnough: (Candidate, _ keptCount: Int) -> Bool
    ) {
        for index in candidates.indices { candidates[index].key = key(candidates[index]) }
        keepFirst(until: isEnough)
        isSorted = false
    }

    /// Takes candidates off a heap of all of them until it is enough, and drops the others.
    private mutating func keepFirst(until isEnough: (Candidate, _ keptCount: Int) -> Bool) {
        isInIDOrder = false
        let all = candidates.count
        for index in stride(from: all / 2 - 1, through: 0, by: -1) { siftDown(index, count: all) }
        var kept = 0
        while kept < all {
            // The first of those that are left moves behind them.
            candidates.swapAt(0, all - 1 - kept)
            kept += 1
            siftDown(0, count: all - kept)
            if isEnough(candidates[all - kept], kept) { break }
        }
        // Best first, and the others away.
        for index in 0..<all / 2 { candidates.swapAt(index, all - 1 - index) }
        candidates.removeLast(all - kept)
    }

    private mutating func siftDown(_ start: Int, count: Int) {
        var index = start
        while true {
            var first = index
            let left = 2 * index + 1
            if left < count, candidates[left].precedes(candidates[first]) { first = left }
            if left + 1 < count, candidates[left + 1].precedes(candidates[first]) {
                first = left + 1
            }
            if first == index { return }
            candidates.swapAt(first, index)
            index = first
        }
    }

    // MARK: Choice

    /// The place of a candidate drawn by the probabilities.
    func draw(_ uniform: Double) -> Int {
        var sum = 0.0
        var chosen = 0
        for index in candidates.indices where candidates[index].probability > 0 {
            chosen = index
            sum += candidates[index].probability
            if uniform < sum { break }
        }
        return chosen
    }
}
