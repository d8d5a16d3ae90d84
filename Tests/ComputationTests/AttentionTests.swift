// SPDX-License-Identifier: Apache-2.0

import Computation
import Testing

/// Attention over the paged cache: against the formula in double precision, and against itself.
@Suite struct AttentionTests {
    private static let shapes = [
        AttentionCase(),
        AttentionCase(positionsPerBlock: 32, window: 1),
        AttentionCase(window: 16),
        AttentionCase(window: 17, positionCount: 140),
        AttentionCase(headCount: 1, kvHeadCount: 1, headDimension: 1, positionCount: 5),
        AttentionCase(headCount: 3, kvHeadCount: 1, headDimension: 160, window: 40),
        AttentionCase(headCount: 5, kvHeadCount: 5, headDimension: 64, positionsPerBlock: 48),
        AttentionCase(headCount: 9, kvHeadCount: 1, positionCount: 1100, rowCount: 9),
        AttentionCase(headCount: 2, kvHeadCount: 1, window: 700, positionCount: 1100, rowCount: 9),
        AttentionCase(window: 20, sinks: [0.5, 80, -90, 3]),
        AttentionCase(
            headCount: 3, kvHeadCount: 1, positionCount: 1100, sinks: [2, 5, -1], rowCount: 9),
        AttentionCase(kvHeadCount: 1, headDimension: 20, valuesInKeys: 14),
        AttentionCase(
            headCount: 34, kvHeadCount: 1, headDimension: 48, positionCount: 140, valuesInKeys: 32),
        AttentionCase(
            headCount: 3, kvHeadCount: 1, headDimension: 70, positionsPerBlock: 32,
            positionCount: 1100, valuesInKeys: 65, rowCount: 9),
        AttentionCase(headCount: 4, kvHeadCount: 2, headDimension: 6, valuesInKeys: 6),
    ]

    /// The reference reads keys and values as they are stored; what is left are sums of at most 1100
    /// terms of at most 1 in size, weights that sum to 1: 1e-6 is some ten units in the last place.
    @Test(
        arguments: [KernelChoice.scalar, .avx2, .avx512].filter(\.isAvailable),
        KVElementType.allCases)
    func `attention is the softmax of scaled products over the positions seen`(
        kernels: KernelChoice, type: KVElementType
    ) throws {
        for shape in Self.shapes {
            let found = try shape.attend(kernels: kernels, type: type)
            for row in stride(from: 0, to: shape.queryCount, by: shape.queryCount > 9 ? 11 : 4) {
                let expected = shape.expected(row: row, type: type)
                let largest = zip(found[row], expected).reduce(0) {
                    max($0, abs(Double($1.0) - $1.1))
                }
                #expect(largest < 1e-6, "row \(row) of \(shape.testDescription)")
            }
        }
    }

    @Test(arguments: KVElementType.allCases)
    func `chunks, blocks, threads and instruction sets change no bit`(
        type: KVElementType
    ) throws {
        for shape in [
            AttentionCase(positionCount: 150), AttentionCase(window: 33, positionCount: 150),
            AttentionCase(headCount: 3, kvHeadCount: 1, positionCount: 1100, rowCount: 20),
            AttentionCase(kvHeadCount: 4, window: 600, positionCount: 1100, rowCount: 6),
            AttentionCase(window: 33, positionCount: 150, sinks: [1, 4, -2, 0]),
            AttentionCase(
                headCount: 3, kvHeadCount: 1, positionCount: 1100, sinks: [1, 5, 9], rowCount: 20),
            AttentionCase(
                headCount: 34, kvHeadCount: 1, headDimension: 41, positionCount: 150,
                valuesInKeys: 33),
            AttentionCase(
                headCount: 5, kvHeadCount: 1, headDimension: 20, positionCount: 1100,
                valuesInKeys: 16, rowCount: 20),
        ] {
            let expected = try shape.attend(kernels: .automatic, type: type)
            for kernels in [KernelChoice.scalar, .avx2, .avx512] where kernels.isAvailable {
                let found = try shape.attend(kernels: kernels, type: type)
                #expect(found == expected, "\(kernels), \(shape.testDescription)")
            }
            for threadCount in [2, 3, 4, 64] {
                let found = try shape.attend(type: type, threadCount: threadCount)
                #expect(found == expected, "\(threadCount) threads, \(shape.testDescription)")
            }
            for cuts in [[1], [3, 64], [5, 1, 40]] {
                let found = try shape.attend(type: type, threadCount: 2, cuts: cuts)
                #expect(found == expected, "cut by \(cuts), \(shape.testDescription)")
            }
            var other = shape
            other.positionsPerBlock = 48
            #expect(try other.attend(type: type) == expected, "\(other.testDescription)")
            #expect(
                try shape.attend(type: type, blockStep: 7) == expected, "\(shape.testDescription)")
        }
    }

    @Test(arguments: KVElementType.allCases)
    func `what blocks held before does not matter`(type: KVElementType) throws {
        for shape in [
            AttentionCase(window: 20),
            AttentionCase(kvHeadCount: 1, headDimension: 20, valuesInKeys: 14),
        ] {
            let expected = try shape.attend(type: type)

            let found = try shape.attend(type: type, garbage: .nan)

            #expect(found == expected)
        }
    }

    /// Not a number, times 0, is not a number: it would show.
    @Test(arguments: KVElementType.allCases)
    func `what the window has left behind is not read`(type: KVElementType) throws {
        let shape = AttentionCase(window: 100, positionCount: 700, rowCount: 20)
        let expected = try shape.attend(type: type)

        let found = try shape.attend(type: type, poisoned: 0..<700 - 20 - 100 + 1)

        #expect(found == expected)
    }

    @Test func `a sink that outweighs everything leaves nothing, and a tiny one changes nothing`()
        throws
    {
        let plain = try AttentionCase().attend(type: .f32)
        let sunk = try AttentionCase(sinks: [1e30, 1e4, 100, 300]).attend(type: .f32)
        let tiny = try AttentionCase(sinks: [-1e30, -.infinity, -200, -300]).attend(type: .f32)

        #expect(sunk.joined().allSatisfy { abs($0) < 1e-30 })
        #expect(sunk.allSatisfy { $0[..<6].allSatisfy { $0 == 0 } })
        #expect(tiny == plain)
    }

    @Test func `one long sequence has tasks for many threads`() throws {
        let decode = AttentionCase(
            headCount: 8, kvHeadCount: 8, headDimension: 4, positionCount: 4096, rowCount: 1)
        let chunk = AttentionCase(
            headCount: 8, kvHeadCount: 2, headDimension: 4, positionCount: 512, rowCount: 256)

        #expect(try decode.taskCount(threadCount: 1) == 8)
        #expect(try decode.taskCount(threadCount: 2) == 8)
        #expect(try decode.taskCount(threadCount: 64) == 64)
        // Heads that share a latent are parted in groups.
        let latent = AttentionCase(
            headCount: 32, kvHeadCount: 1, headDimension: 24, positionCount: 4096,
            valuesInKeys: 16, rowCount: 1)
        #expect(try latent.taskCount(threadCount: 1) == 2)
        #expect(try latent.taskCount(threadCount: 64) == 16)
        #expect(try chunk.taskCount(threadCount: 1) == 32)
        #expect(try chunk.taskCount(threadCount: 64) >= 256)
    }

    @Test func `a cache takes the bytes of its elements and scales`() {
        let byteCounts = KVElementType.allCases.map { type in
            KVCacheShape(
                layerCount: 2, kvHeadCount: 8, headDimension: 128, blockCount: 3,
                positionsPerBlock: 16, elementType: type
            ).byteCount
        }

        let cells = 2 * 8 * 3 * 16 * 2
        #expect(byteCounts == [cells * 512, cells * 256, cells * 256, cells * 138])
    }

    @Test func `a cache of latents takes the bytes of keys alone`() {
        let byteCounts = KVElementType.allCases.map { type in
            KVCacheShape(
                layerCount: 2, kvHeadCount: 1, headDimension: 320, valuesInKeys: 256,
                blockCount: 3, positionsPerBlock: 16, elementType: type
            ).byteCount
        }

        let cells = 2 * 3 * 16
        #expect(byteCounts == [cells * 1280, cells * 640, cells * 640, cells * 360])
    }
}
