// SPDX-License-Identifier: Apache-2.0

package import Computation
package import ModelFiles

extension ModelTensors {
    /// The matrices that products read: all but an embedding that is not the output too.
    ///
    /// Of such an embedding a step reads a few rows, which stay in the file.
    private var multipliedMatrices: [WeightMatrix] {
        isTied ? matrices : Array(matrices.dropFirst())
    }

    /// The same weights, packed for products with quantised activations.
    ///
    /// - Parameters:
    ///   - packer: what packs.
    ///   - progress: receives how many packed bytes are done, and how many there will be.
    /// - Returns: the weights.
    /// - Throws: where there is no memory for them.
    package func packed(
        by packer: WeightPacker,
        progress: (_ doneByteCount: Int, _ byteCount: Int) -> Void = { _, _ in }
    ) throws(MappedFileError) -> ModelTensors {
        let packed = try packer.pack(multipliedMatrices, progress: progress)
        return replacingMatrices(isTied ? packed : [tokenEmbedding] + packed)
    }

    /// The bytes that packing makes, in memory of their own.
    package var bytesToPack: Int {
        multipliedMatrices.reduce(0) { $0 + ($1.canPack ? $1.packedByteCount : 0) }
    }

    /// The bytes of all weights once they are packed.
    package var packedByteCount: Int {
        let grown = multipliedMatrices.reduce(0) { $0 + $1.packedByteCount - $1.byteCount }
        return byteCount + grown
    }
}
