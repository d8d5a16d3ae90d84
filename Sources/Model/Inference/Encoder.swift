// SPDX-License-Identifier: Apache-2.0

package import Architectures
package import Computation
package import ModelFiles
package import Parallelism

/// An encoder in memory: texts to vectors, or to scores.
///
/// A text is computed by one thread, together with others that follow it in the batch; its result
/// depends on its own ids alone. One thread at a time encodes.
package final class Encoder {
    /// The model's numbers.
    package let configuration: ModelConfiguration

    /// The most tokens of a text.
    package let maxTokenCount: Int

    private let network: any EncoderNetwork
    private let pool: ThreadPool
    private let scratch: [EncoderScratch]

    /// How many tokens a thread computes together where there are enough: weights are read once for
    /// all of them, and what they make still fits into a second cache of a megabyte.
    private static let bundleTokenCount = 192

    /// Packs the weights and allocates what the threads work with.
    ///
    /// - Parameters:
    ///   - configuration: the model's numbers.
    ///   - tensors: the model's weights.
    ///   - pool: the threads.
    ///   - maxTokenCount: the most tokens of a text.
    /// - Throws: where there is no memory.
    /// - Precondition: the model is an encoder, and its positions are enough.
    package init(
        configuration: ModelConfiguration, tensors: ModelTensors, pool: ThreadPool,
        maxTokenCount: Int
    ) throws(ByteStorageError) {
        for matrix in tensors.matrices where matrix.layout == .rows {
            matrix.storage.bringIn(matrix.byteOffset..<matrix.byteOffset + matrix.byteCount)
        }
        let architecture = Architecture.of(configuration)
        guard let network = try architecture.makeEncoder(tensors, configuration) else {
            preconditionFailure("\(architecture.schema.name) is no encoder")
        }
        precondition((1...configuration.contextLength).contains(maxTokenCount))
        self.network = network
        self.pool = pool
        self.configuration = configuration
        self.maxTokenCount = maxTokenCount
        let roomCount = max(maxTokenCount, Self.bundleTokenCount)
        scratch = (0..<pool.threadCount).map { _ in
            EncoderScratch(configuration, maxTokenCount: roomCount)
        }
    }

    /// V: the number of ids.
    package var vocabularyCount: Int { configuration.vocabularySize }

    /// Whether it scores texts.
    package var hasScore: Bool { network.hasScore }

    /// Bytes of memory that are its own.
    package var byteCount: Int {
        scratch.reduce(network.byteCount) { $0 + $1.byteCount }
    }

    /// The tokens of texts that are best encoded at once: enough for all threads, several times.
    package var batchTokenCount: Int { 4 * pool.threadCount * Self.bundleTokenCount }

    /// Encodes texts.
    ///
    /// - Parameters:
    ///   - texts: none of which is empty or longer than was said at the start; their ids exist.
    ///   - outputs: what is wanted of each.
    /// - Returns: the numbers of each text, in their order.
    package func encode(_ texts: [EncoderText], _ outputs: [EmbeddingOutput]) -> [[Float]] {
        precondition(texts.count == outputs.count)
        let affinity = pool.placeCaller()
        defer { pool.releaseCaller(to: affinity) }
        let bundles = Self.bundles(texts, threadCount: pool.threadCount)
        let results = FloatBuffer(rowCount: texts.count, columnCount: configuration.hiddenSize)
        let (network, scratch) = (network, scratch)
        pool.parallel(count: bundles.count) { task, worker in
            let own = scratch[worker]
            network.forward(texts[bundles[task]], on: own)
            var first = 0
            for index in bundles[task] {
                let end = first + texts[index].tokens.count
                switch outputs[index] {
                case .score:
                    results.setRow(index, to: [network.score(ofTextAt: first, on: own)])
                case .vector(let pooling):
                    results.setRow(index, to: pooling.vector(of: own.states, rows: first..<end))
                }
                first = end
            }
        }
        return outputs.enumerated().map { index, output in
            let row = results.row(index)
            return output == .score ? [row[0]] : row.indices.map { row[$0] }
        }
    }

    /// The bytes that a thread works with.
    static func scratchByteCount(_ configuration: ModelConfiguration, maxTokenCount: Int) -> Int {
        let width = configuration.headCount * configuration.headDimension
        let rowCount = max(maxTokenCount, bundleTokenCount)
        let columnCount =
            2 * configuration.hiddenSize + 4 * width + configuration.intermediateSize + 5 * 32
        return 4 * rowCount * (columnCount + 2 * configuration.headDimension + 64 + 48)
    }

    /// Which texts are computed together: so many in a row that every thread has some.
    private static func bundles(_ texts: [EncoderText], threadCount: Int) -> [Range<Int>] {
        let tokenCount = texts.reduce(0) { $0 + $1.tokens.count }
        let share = (tokenCount + threadCount - 1) / threadCount
        let limit = min(bundleTokenCount, max(share, 1))
        var bundles: [Range<Int>] = []
        var (start, count) = (0, 0)
        for (index, text) in texts.enumerated() {
            if index > start, count + text.tokens.count > limit {
                bundles.append(start..<index)
                (start, count) = (index, 0)
            }
            count += text.tokens.count
        }
        if start < texts.count { bundles.append(start..<texts.count) }
        return bundles
    }
}

extension Pooling {
    /// The vector of the text whose states are in some rows.
    func vector(of states: FloatBuffer, rows: Range<Int>) -> [Float] {
        let compute = SerialCompute()
        switch method {
        case .first:
            return finished(
                compute.sum(of: rows.lowerBound..<rows.lowerBound + 1, of: states), count: 1)
        case .last:
            return finished(
                compute.sum(of: rows.upperBound - 1..<rows.upperBound, of: states), count: 1)
        case .mean: return finished(compute.sum(of: rows, of: states), count: rows.count)
        }
    }

    /// The vector of a sum of states.
    ///
    /// - Parameters:
    ///   - sum: of the states that count.
    ///   - count: how many they are.
    /// - Returns: their mean, of length 1 where that is wanted.
    package func finished(_ sum: [Float], count: Int) -> [Float] {
        let mean = count == 1 ? sum : sum.map { $0 / Float(count) }
        return normalizes ? Self.normalized(mean) : mean
    }

    /// The vector with length 1; zeros stay zeros.
    package static func normalized(_ vector: [Float]) -> [Float] {
        let square = vector.reduce(0.0) { $0 + Double($1) * Double($1) }
        guard square > 0, square.isFinite else { return vector }
        let factor = 1 / square.squareRoot()
        return vector.map { Float(Double($0) * factor) }
    }
}

/// What is made of the states of a text.
package enum EmbeddingOutput: Hashable, Sendable {
    /// One vector.
    case vector(Pooling)
    /// The score of the model's head, one number.
    case score
}
