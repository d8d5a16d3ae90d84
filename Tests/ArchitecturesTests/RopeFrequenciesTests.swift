// SPDX-License-Identifier: Apache-2.0

import Architectures
import ModelFiles
import Testing

/// Expected values: `ROPE_INIT_FUNCTIONS` of transformers 5.23 in float32.
@Suite struct RopeFrequenciesTests {
    private static func frequencies(
        theta: Double, dimension: Int, _ scaling: RopeScaling, factors: [Float]? = nil
    ) -> RopeFrequencies {
        RopeFrequencies(
            ModelConfiguration(
                architecture: "llama", hiddenSize: 24, intermediateSize: 40, layerCount: 2,
                headCount: 4, kvHeadCount: 2, headDimension: dimension, vocabularySize: 50,
                contextLength: 2048, ropeTheta: theta, ropeScaling: scaling,
                ropeFrequencyFactors: factors, ropePairing: .adjacent,
                ropeDimensionCount: dimension, rmsNormEpsilon: 1e-5))
    }

    private func expectClose(_ found: [Float], _ expected: [Float]) {
        #expect(found.count == expected.count)
        for (found, expected) in zip(found, expected) {
            #expect(abs(found - expected) <= 2e-7 * expected)
        }
    }

    @Test func `linear scaling divides every frequency`() {
        let found = Self.frequencies(theta: 10_000, dimension: 16, .linear(factor: 4))

        expectClose(
            found.inverseFrequencies,
            [
                0.25, 0.079056941, 0.0250000004, 0.00790569466, 0.00249999994, 0.000790569466,
                0.000250000012, 7.90569466e-05,
            ])
        #expect(found.scale == 1)
    }

    private static let llama3: [Float] = [
        1.0, 0.440366626, 0.193922758, 0.0853971019, 0.0376060307, 0.0165604409, 0.00729266508,
        0.00321144611, 0.000524846022, 7.78465546e-05, 3.42810235e-05, 1.50962178e-05,
        6.64786967e-06, 2.92749974e-06, 1.28917316e-06, 5.6770881e-07,
    ]

    @Test func `Llama 3 keeps short waves and slows long ones`() {
        let found = Self.frequencies(
            theta: 500_000, dimension: 32,
            .llama3(
                factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4,
                originalContextLength: 8192))

        expectClose(found.inverseFrequencies, Self.llama3)
        #expect(found.scale == 1)
    }

    @Test func `a tensor of factors divides the frequencies`() {
        let plain = Self.frequencies(theta: 500_000, dimension: 32, .none).inverseFrequencies
        let factors = zip(plain, Self.llama3).map { $0 / $1 }

        let found = Self.frequencies(
            theta: 500_000, dimension: 32, .none, factors: factors)

        expectClose(found.inverseFrequencies, Self.llama3)
    }

    @Test func `YaRN blends between the turns of its betas and scales attention`() {
        let found = Self.frequencies(
            theta: 1e6, dimension: 16,
            .yarn(
                YarnScaling(
                    factor: 4, originalContextLength: 32768, attentionFactor: 1.138629436111989)))

        expectClose(
            found.inverseFrequencies,
            [
                1.0, 0.177827939, 0.0316227786, 0.00421755994, 0.000500000024, 4.44569851e-05,
                7.90569356e-06, 1.40585337e-06,
            ])
        #expect(found.scale == 1.1386294)
    }
}
