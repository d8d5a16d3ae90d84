// SPDX-License-Identifier: Apache-2.0

import Computation
import Parallelism
import Testing

/// What threads read ahead is what they read first, and no more than fits.
@Suite struct WeightsAheadTests {
    private static func matrix(rows: Int, columns: Int = 256) -> WeightMatrix {
        .of([Float](repeating: 1, count: rows * columns), rows: rows, columns: columns)
    }

    private static func bytes(_ ahead: WeightsAhead, worker: Int) -> Int {
        ahead.parts(ofWorker: worker).reduce(0) { $0 + $1.byteCount }
    }

    private static func start(_ w: WeightMatrix) -> UInt {
        unsafe w.storage.bytes.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
            + UInt(w.byteOffset)
    }

    @Test func `each worker begins with its share, one after another`() {
        let compute = Compute(pool: ThreadPool(threadCount: 2))
        let w = Self.matrix(rows: 4 * WeightMatrix.rowsPerPanel)

        let ahead = compute.ahead(of: [w])

        let half = w.byteCount / 2
        for worker in 0..<2 {
            let part = ahead.parts(ofWorker: worker).first
            #expect(part?.address == Self.start(w) + UInt(worker * half))
            #expect(part?.byteCount == half)
        }
    }

    @Test func `a share goes on in the next matrix`() {
        let compute = Compute(pool: ThreadPool(threadCount: 1))
        let matrices = [64, 128, 64].map { Self.matrix(rows: $0) }

        let ahead = compute.ahead(of: matrices)

        let parts = ahead.parts(ofWorker: 0).filter { $0.byteCount > 0 }
        #expect(parts.map(\.address) == matrices.map { Self.start($0) })
        #expect(parts.map(\.byteCount) == matrices.map(\.byteCount))
    }

    @Test func `gate and up are both read from their beginnings`() {
        let compute = Compute(pool: ThreadPool(threadCount: 1))
        let gate = Self.matrix(rows: 192)
        let up = Self.matrix(rows: 192)

        let parts = compute.ahead(of: [gate], gating: [up]).parts(ofWorker: 0)

        #expect(parts.prefix(2).map(\.address) == [Self.start(gate), Self.start(up)])
        #expect(parts.prefix(2).map(\.byteCount) == [gate.byteCount, up.byteCount])
    }

    @Test func `no more is read ahead than the second cache holds`() {
        let compute = Compute(pool: ThreadPool(threadCount: 1))
        let large = Self.matrix(rows: 64 * 16, columns: 1024)
        let small = Self.matrix(rows: 64)
        #expect(large.byteCount > WeightsAhead.byteCount)

        let ahead = compute.ahead(of: [large])
        #expect(Self.bytes(ahead, worker: 0) == WeightsAhead.byteCount)
        #expect(
            Self.bytes(ahead.followed(by: compute.ahead(of: [small])), worker: 0)
                == WeightsAhead.byteCount)

        let smallFirst = compute.ahead(of: [small]).followed(by: ahead)
        #expect(smallFirst.parts(ofWorker: 0).first?.byteCount == small.byteCount)
        #expect(Self.bytes(smallFirst, worker: 0) == WeightsAhead.byteCount)
    }

    @Test func `more matrices than there are parts are left out`() {
        let compute = Compute(pool: ThreadPool(threadCount: 1))
        let matrices = (0...WeightsAhead.partCount).map { _ in Self.matrix(rows: 64) }

        let parts = compute.ahead(of: matrices).parts(ofWorker: 0)

        #expect(parts.map(\.address) == matrices.dropLast().map { Self.start($0) })
    }
}
