// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
import Parallelism
import Testing

/// Normalisation, rotation and sums of rows against their formulas, for every
/// instruction set, and the same bits in all of them.
@Suite struct RowOperationTests {
    static let kernels = [KernelChoice.scalar, .avx2, .avx512].filter(\.isAvailable)
    private static let widths = [1, 15, 16, 17, 100, 4096]

    private func compute(_ kernels: KernelChoice) -> Compute {
        Compute(pool: ThreadPool(threadCount: 2), kernels: kernels)
    }

    private func buffer(_ rowCount: Int, _ columnCount: Int, scale: Float = 1) -> FloatBuffer {
        let buffer = FloatBuffer(rowCount: rowCount, columnCount: columnCount)
        for row in 0..<rowCount {
            buffer.setRow(
                row,
                to: (0..<columnCount).map { column in
                    scale * Float(sin(Double(row * 7919 + column * 104_729 + 1)))
                })
        }
        return buffer
    }

    private func relativeDifference(_ found: Float, _ expected: Double) -> Double {
        abs(Double(found) - expected) / max(abs(expected), 1e-30)
    }

    /// 1e-6: eight units in the last place, for sums of squares of up to 4096 terms.
    @Test(arguments: kernels)
    func `rows are divided by their root mean square`(kernels: KernelChoice) {
        for width in Self.widths {
            let x = buffer(9, width, scale: 3)
            let y = FloatBuffer(rowCount: 9, columnCount: width)
            let weight = (0..<width).map { 1 + Float($0 % 5) / 4 }

            compute(kernels).rmsNorm(x, rowCount: 9, weight: weight, epsilon: 1e-5, into: y)

            for row in 0..<9 {
                let values = x.values(row: row).map { Double($0) }
                let mean = values.reduce(0) { $0 + $1 * $1 } / Double(width)
                for (k, found) in y.values(row: row).enumerated() {
                    let expected = values[k] / (mean + 1e-5).squareRoot() * Double(weight[k])
                    #expect(relativeDifference(found, expected) < 1e-6)
                }
            }
        }
    }

    /// 2e-6: the angle is rounded to single precision as the models were trained, up to 3000 here
    /// with exact products; cosines, sines and two products add the rest.
    @Test(arguments: kernels, [RotationPairing.adjacent, .halves])
    func `pairs are rotated by position times frequency`(
        kernels: KernelChoice, pairing: RotationPairing
    ) {
        let positions: [Int32] = [0, 1, 2, 63, 3000]
        let frequencies: [Float] = [1, 0.5, 0.0625]
        let x = buffer(5, 24)
        let original = (0..<5).map { x.values(row: $0) }
        let table = FloatBuffer(rowCount: 5, columnCount: 6)
        let compute = compute(kernels)

        compute.ropeTable(
            positions: positions, inverseFrequencies: frequencies, scale: 1.25, into: table)
        compute.rotate(x, rowCount: 5, headDimension: 8, pairing: pairing, table: table)

        for row in 0..<5 {
            var expected = original[row].map { Double($0) }
            for head in stride(from: 0, to: 24, by: 8) {
                for pair in 0..<3 {
                    let (a, b) =
                        pairing == .adjacent
                        ? (head + 2 * pair, head + 2 * pair + 1) : (head + pair, head + pair + 3)
                    let angle = Double(positions[row]) * Double(frequencies[pair])
                    let (u, v) = (Double(original[row][a]), Double(original[row][b]))
                    expected[a] = 1.25 * (u * cos(angle) - v * sin(angle))
                    expected[b] = 1.25 * (v * cos(angle) + u * sin(angle))
                }
            }
            for (found, expected) in zip(x.values(row: row), expected) {
                #expect(abs(Double(found) - expected) < 2e-6)
            }
        }
    }

    @Test(arguments: kernels)
    func `rows are added and gathered`(kernels: KernelChoice) {
        let x = buffer(3, 40)
        let y = buffer(3, 40, scale: 2)
        let expected = (0..<3).map { row in
            zip(x.values(row: row), y.values(row: row)).map { $0 + $1 }
        }
        let compute = compute(kernels)

        compute.add(y, rowCount: 3, to: x)
        let gathered = FloatBuffer(rowCount: 2, columnCount: 40)
        compute.gather(x, rows: [0, 2], into: gathered)

        #expect((0..<3).map { x.values(row: $0) } == expected)
        #expect(gathered.values(row: 0) == expected[0])
        #expect(gathered.values(row: 1) == expected[2])
    }

    @Test func `rows are multiplied by factors of their own`() {
        for width in Self.widths {
            let x = buffer(5, width)
            let original = (0..<5).map { x.values(row: $0) }
            let factors: [Float] = [1, 1.0693147, -0.5, 1, 3]

            compute(.automatic).scale(x, rowCount: 4, by: factors)

            for row in 0..<4 {
                #expect(x.values(row: row) == original[row].map { $0 * factors[row] })
            }
            #expect(x.values(row: 4) == original[4])
        }
    }

    /// 64 rows of 4096 are shared among the threads, one is not.
    @Test(arguments: [1, 2, 5])
    func `a factor gives the same bits in any batch`(threadCount: Int) {
        let compute = Compute(pool: ThreadPool(threadCount: threadCount), kernels: .automatic)
        let alone = buffer(1, 4096)
        let together = FloatBuffer(rowCount: 64, columnCount: 4096)
        for row in 0..<64 { together.setRow(row, to: alone.values(row: 0)) }
        let factors = (0..<64).map { $0 % 3 == 0 ? Float(1.2397895) : 1 + Float($0) / 7 }

        compute.scale(alone, rowCount: 1, by: [1.2397895])
        compute.scale(together, rowCount: 64, by: factors)

        for row in stride(from: 0, to: 64, by: 3) {
            #expect(together.values(row: row) == alone.values(row: 0))
        }
    }

    @Test func `every instruction set gives the same bits`() {
        var results: [[[UInt32]]] = []
        for kernels in Self.kernels {
            let compute = compute(kernels)
            let x = buffer(30, 333, scale: 9)
            let y = buffer(30, 333, scale: 30)
            compute.rmsNorm(
                x, rowCount: 30, weight: Array(repeating: 1.1, count: 333), epsilon: 1e-6, into: x)
            compute.add(y, rowCount: 30, to: x)
            results.append((0..<30).map { x.values(row: $0).map(\.bitPattern) })
        }
        #expect(results.allSatisfy { $0 == results[0] })
    }
}
