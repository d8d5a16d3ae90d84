// SPDX-License-Identifier: Apache-2.0

package import Computation
package import ModelFiles

/// A text as an encoder takes it.
package struct EncoderText: Sendable, Hashable {
    /// Its ids, special ones included.
    package var tokens: [Int32]
    /// Where the second of two texts begins; nil: there is one.
    package var secondStart: Int?

    /// A text of its ids.
    package init(_ tokens: [Int32], secondStart: Int? = nil) {
        self.tokens = tokens
        self.secondStart = secondStart
    }
}

/// The forward pass of an encoder: whole texts in, a state for each of their tokens out.
package protocol EncoderNetwork: Sendable {
    /// Whether it scores texts, by a head of its own.
    var hasScore: Bool { get }

    /// The bytes of the weights that it made of those of the file.
    var byteCount: Int { get }

    /// Computes the states of some texts, on the calling thread.
    ///
    /// - Parameters:
    ///   - texts: each of which no longer than `scratch` has room for, all together, too; their ids
    ///     exist.
    ///   - scratch: receives the states, those of a text after those of the text before it.
    func forward(_ texts: ArraySlice<EncoderText>, on scratch: EncoderScratch)

    /// The score of the text whose first state is in a row.
    ///
    /// - Precondition: ``hasScore``.
    func score(ofTextAt row: Int, on scratch: EncoderScratch) -> Float
}

/// The buffers that one thread encodes with.
package final class EncoderScratch {
    /// The most tokens that there is room for.
    package let maxTokenCount: Int
    /// `[T, D]`: the states.
    package let states: FloatBuffer
    /// `[T, 3 · H · Dh]`: queries, keys and values.
    let projected: FloatBuffer
    /// `[T, D]`: what attention found.
    let attended: FloatBuffer
    /// `[T, D]`: what a block adds to the states.
    let added: FloatBuffer
    /// `[T, F]`.
    let wide: FloatBuffer
    let attention: TextAttentionScratch

    /// Allocates the memory for texts of so many tokens.
    package init(_ configuration: ModelConfiguration, maxTokenCount: Int) {
        func buffer(_ columnCount: Int) -> FloatBuffer {
            FloatBuffer(
                rowCount: maxTokenCount, columnCount: FloatPanels.writtenCount(columnCount))
        }
        let width = configuration.headCount * configuration.headDimension
        self.maxTokenCount = maxTokenCount
        states = FloatBuffer(rowCount: maxTokenCount, columnCount: configuration.hiddenSize)
        projected = buffer(3 * width)
        attended = buffer(width)
        added = buffer(configuration.hiddenSize)
        wide = buffer(configuration.intermediateSize)
        attention = TextAttentionScratch(
            maxTokenCount: maxTokenCount, headDimension: configuration.headDimension)
    }

    /// The bytes that it takes.
    package var byteCount: Int {
        [states, projected, attended, added, wide].reduce(attention.byteCount) { $0 + $1.byteCount }
    }
}
