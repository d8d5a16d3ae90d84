// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles

extension ScratchRole {
    static let angles = ScratchRole("cosines and sines of each row's position")
    static let windowAngles = ScratchRole("cosines and sines for layers with a window")
}

/// Rotates queries and keys by their positions.
final class RotaryEmbedding {
    static let scratch = [ScratchDeclaration(.angles, .tokens, .R)]

    /// What layers with a window need besides, where they rotate otherwise.
    static func windowScratch(_ configuration: ModelConfiguration) -> [ScratchDeclaration] {
        configuration.windowRope == nil ? [] : [ScratchDeclaration(.windowAngles, .tokens, .R)]
    }

    private let frequencies: RopeFrequencies
    private let pairing: RotationPairing
    private let headDimension: Int
    private let angles: FloatBuffer

    init(
        _ configuration: ModelConfiguration, _ step: ForwardStep, angles role: ScratchRole = .angles
    ) {
        frequencies = RopeFrequencies(configuration)
        pairing = configuration.ropePairing == .adjacent ? .adjacent : .halves
        headDimension = configuration.headDimension
        angles = step.buffer(role, of: configuration)
        // Layers that borrow keys and values rotate rows that are left by then.
        if configuration.borrowingLayerCount > 0 { step.carry(angles) }
    }

    /// That of layers with a window, where they rotate otherwise than the others.
    convenience init?(ofWindows configuration: ModelConfiguration, _ step: ForwardStep) {
        guard configuration.windowRope != nil,
            let layer = (0..<configuration.layerCount).first(where: {
                configuration.window(layer: $0) != nil
            })
        else { return nil }
        self.init(configuration.own(layer: layer), step, angles: .windowAngles)
    }

    /// The angles of the step's positions, once for all layers.
    func prepare(_ step: ForwardStep) {
        step.compute.ropeTable(
            positions: step.plan.positions, inverseFrequencies: frequencies.inverseFrequencies,
            scale: frequencies.scale, into: angles)  // [T, ropeDimensionCount]
    }

    /// Rotates the last components of every head of the step's rows, in place.
    ///
    /// - Parameters:
    ///   - heads: `[T, heads·width]`.
    ///   - width: of a head.
    ///   - step: the rows.
    func rotateEnds(_ heads: FloatBuffer, width: Int, _ step: ForwardStep) {
        step.compute.rotate(
            heads, rowCount: step.rowCount, headDimension: width, from: width - angles.columnCount,
            pairing: pairing, table: angles)
    }

    /// Rotates every head of the step's rows, in place.
    func rotate(_ heads: FloatBuffer, _ step: ForwardStep) {
        step.compute.rotate(
            heads, rowCount: step.rowCount, headDimension: headDimension, pairing: pairing,
            table: angles)
    }
}
