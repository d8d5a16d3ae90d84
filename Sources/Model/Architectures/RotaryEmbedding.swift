// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles

extension ScratchRole {
    static let angles = ScratchRole("cosines and sines of each row's position")
}

/// Rotates queries and keys by their positions.
final class RotaryEmbedding {
    static let scratch = [ScratchDeclaration(.angles, .tokens, .R)]

    private let frequencies: RopeFrequencies
    private let pairing: RotationPairing
    private let headDimension: Int
    private let angles: FloatBuffer

    init(_ configuration: ModelConfiguration, _ step: ForwardStep) {
        frequencies = RopeFrequencies(configuration)
        pairing = configuration.ropePairing == .adjacent ? .adjacent : .halves
        headDimension = configuration.headDimension
        angles = step.buffer(.angles)
    }

    /// The angles of the step's positions, once for all layers.
    func prepare(_ step: ForwardStep) {
        step.compute.ropeTable(
            positions: step.plan.positions, inverseFrequencies: frequencies.inverseFrequencies,
            scale: frequencies.scale, into: angles)  // [T, ropeDimensionCount]
    }

    /// Rotates every head of the step's rows, in place.
    func rotate(_ heads: FloatBuffer, _ step: ForwardStep) {
        step.compute.rotate(
            heads, rowCount: step.rowCount, headDimension: headDimension, pairing: pairing,
            table: angles)
    }
}
