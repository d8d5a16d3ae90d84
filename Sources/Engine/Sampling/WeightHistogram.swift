// SPDX-License-Identifier: Apache-2.0

/// Finds in O(V) which tokens can belong to a nucleus, so that only those need to be sorted.
///
/// Tokens go into buckets by how far their logit is below the greatest. The buckets' order is that
/// of the logits, so a whole number of buckets holds every token down to the last one needed.
struct WeightHistogram {
    private static let bucketCount = 512

    /// Buckets per unit of the tempered logit: the last bucket begins at e⁻³².
    private static let resolution: Float = 16

    private var masses = Array(repeating: 0.0, count: bucketCount)
    private var counts = Array(repeating: 0, count: bucketCount)
    private var minima = Array(repeating: Float.infinity, count: bucketCount)

    /// The fewest buckets of the greatest logits that hold at least a mass.
    ///
    /// - Parameters:
    ///   - values: `[V]`, the logits.
    ///   - weights: `[V]`, their exponentials; those of 0 do not take part.
    ///   - maximum: the greatest logit.
    ///   - scale: what logits are multiplied by before the exponential.
    ///   - mass: the sum of weights to reach; if it is out of reach, all tokens are kept.
    /// - Returns: how many tokens there are in the buckets, and the least of their logits.
    mutating func nucleus(
        of values: Span<Float>, weights: Span<Float>, maximum: Float, scale: Float, mass: Double
    ) -> (count: Int, threshold: Float) {
        for bucket in 0..<Self.bucketCount {
            masses[bucket] = 0
            counts[bucket] = 0
            minima[bucket] = .infinity
        }
        for index in 0..<min(values.count, weights.count) where weights[index] > 0 {
            let distance = (maximum - values[index]) * scale * Self.resolution
            let bucket = Int(min(distance, Float(Self.bucketCount - 1)))
            masses[bucket] += Double(weights[index])
            counts[bucket] += 1
            minima[bucket] = min(minima[bucket], values[index])
        }
        var sum = 0.0
        var count = 0
        var threshold = maximum
        for bucket in 0..<Self.bucketCount where counts[bucket] > 0 {
            sum += masses[bucket]
            count += counts[bucket]
            threshold = minima[bucket]
            if sum >= mass { break }
        }
        return (count, threshold)
    }
}
