// SPDX-License-Identifier: Apache-2.0

import Foundation
import Tensors
import Testing

/// Attention over the paged cache against the formula, in double precision.
@Suite struct AttentionTests {
    struct Shape: Sendable, CustomTestStringConvertible {
        var headCount = 4
        var kvHeadCount = 2
        var headDimension = 6
        var positionsPerBlock = 16
        var window: Int?
        var rowCount = 70

        var testDescription: String {
            "H \(headCount), K \(kvHeadCount), Dh \(headDimension), S \(positionsPerBlock), "
                + "window \(window.map { "\($0)" } ?? "none"), \(rowCount) rows"
        }
    }

    private static let shapes = [
        Shape(), Shape(positionsPerBlock: 32, window: 1), Shape(window: 16), Shape(window: 17),
        Shape(headCount: 1, kvHeadCount: 1, headDimension: 1, rowCount: 5),
        Shape(headCount: 3, kvHeadCount: 1, headDimension: 160, window: 40),
        Shape(headCount: 5, kvHeadCount: 5, headDimension: 64, positionsPerBlock: 48),
        Shape(headCount: 9, kvHeadCount: 1, headDimension: 16, rowCount: 1100),
        Shape(headCount: 2, kvHeadCount: 1, headDimension: 8, window: 700, rowCount: 1100),
    ]

    /// Sums of at most 1100 terms of at most 1 in size, weights that sum to 1: 1e-6 is some ten
    /// units in the last place; halves keep 11 bits, so 1e-3.
    @Test(
        arguments: [KernelChoice.scalar, .avx2, .avx512].filter(\.isAvailable),
        KVElementType.allCases)
    func `attention is the softmax of scaled products over the positions seen`(
        kernels: KernelChoice, type: KVElementType
    ) throws {
        for shape in Self.shapes {
            let inputs = Inputs(shape)
            let found = try inputs.attend(kernels: kernels, type: type)
            let tolerance = type == .f32 ? 1e-6 : 1e-3
            for row in stride(from: 0, to: shape.rowCount, by: shape.rowCount > 200 ? 37 : 1) {
                let expected = inputs.expected(row: row)
                let largest = zip(found.values(row: row), expected).reduce(0) {
                    max($0, abs(Double($1.0) - $1.1))
                }
                #expect(largest < tolerance, "row \(row) of \(shape.testDescription)")
            }
        }
    }

    @Test func `what blocks held before does not matter`() throws {
        let inputs = Inputs(Shape(window: 20))
        let expected = try inputs.attend(kernels: .automatic, type: .f32)

        let found = try inputs.attend(kernels: .automatic, type: .f32, garbage: .nan)

        #expect((0..<70).map { found.values(row: $0) } == (0..<70).map { expected.values(row: $0) })
    }

    /// Random queries, keys and values.
    private struct Inputs {
        let shape: Shape
        let queries: FloatBuffer
        let keys: FloatBuffer
        let values: FloatBuffer

        init(_ shape: Shape) {
            self.shape = shape
            var state: UInt64 = 1
            func buffer(_ columnCount: Int) -> FloatBuffer {
                let buffer = FloatBuffer(rowCount: shape.rowCount, columnCount: columnCount)
                for row in 0..<shape.rowCount {
                    buffer.setRow(
                        row,
                        to: (0..<columnCount).map { _ in
                            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                            return Float(state >> 40) * 0x1p-23 - 1
                        })
                }
                return buffer
            }
            queries = buffer(shape.headCount * shape.headDimension)
            keys = buffer(shape.kvHeadCount * shape.headDimension)
            values = buffer(shape.kvHeadCount * shape.headDimension)
        }

        func attend(
            kernels: KernelChoice, type: KVElementType, garbage: Float? = nil
        ) throws -> FloatBuffer {
            let s = shape.positionsPerBlock
            let blockCount = (shape.rowCount + s - 1) / s
            let cacheShape = KVCacheShape(
                layerCount: 2, kvHeadCount: shape.kvHeadCount,
                headDimension: shape.headDimension, blockCount: blockCount, positionsPerBlock: s,
                elementType: type)
            let cache = try KVCache(shape: cacheShape)
            let compute = Compute(pool: ThreadPool(threadCount: 2), kernels: kernels)
            let blocks = (0..<Int32(blockCount)).reversed() as [Int32]
            if let garbage {
                let count = blockCount * s
                var plan = AttentionPlan(positionsPerBlock: s, window: nil, maxRowCount: count)
                plan.append(startPosition: 0, count: count, blockTable: blocks)
                let noise = FloatBuffer(rowCount: count, columnCount: keys.columnCount)
                noise.fill(garbage, rows: 0..<count)
                compute.store(keys: noise, values: noise, in: cache, layer: 1, plan: plan)
            }
            var plan = AttentionPlan(
                positionsPerBlock: s, window: shape.window, maxRowCount: shape.rowCount)
            plan.append(startPosition: 0, count: shape.rowCount, blockTable: blocks)
            let output = FloatBuffer(rowCount: shape.rowCount, columnCount: queries.columnCount)
            compute.store(keys: keys, values: values, in: cache, layer: 1, plan: plan)
            compute.attend(
                queries: queries, cache: cache, layer: 1, plan: plan,
                scratch: AttentionScratch(
                    shape: cacheShape, headCount: shape.headCount, threadCount: 2),
                into: output)
            return output
        }

        func expected(row: Int) -> [Double] {
            let d = shape.headDimension
            let q = queries.values(row: row)
            let seen = max(0, row + 1 - (shape.window ?? row + 1))...row
            let k = seen.map { keys.values(row: $0) }
            let v = seen.map { values.values(row: $0) }
            return (0..<shape.headCount).flatMap { head -> [Double] in
                let kvHead = head / (shape.headCount / shape.kvHeadCount)
                let powers = k.map { key in
                    exp(
                        (0..<d).reduce(0) {
                            $0 + Double(q[head * d + $1]) * Double(key[kvHead * d + $1])
                        } / Double(d).squareRoot())
                }
                let sum = powers.reduce(0, +)
                return (0..<d).map { i in
                    zip(powers, v).reduce(0) { $0 + $1.0 / sum * Double($1.1[kvHead * d + i]) }
                }
            }
        }
    }
}
