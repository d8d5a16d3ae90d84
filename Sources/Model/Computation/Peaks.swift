// SPDX-License-Identifier: Apache-2.0

internal import CKernels
package import Parallelism

/// What the machine itself can do: the limits that every kernel is held against.
package struct Peaks: Sendable {
    /// GB/s that one thread, and all threads together, read from memory.
    package let readOne: Double
    package let readAll: Double
    /// Gop/s of all threads in registers alone, a multiply-add counting as two; 0: no instruction.
    package let f32: Double
    package let bf16: Double
    package let int8: Double

    /// Measures for about two seconds.
    ///
    /// - Parameters:
    ///   - pool: all threads.
    ///   - memory: bytes to read, far more than the last cache holds.
    package init(pool: ThreadPool, memory: RawSpan) {
        readOne = Self.readRate(ThreadPool(threadCount: 1), memory)
        readAll = Self.readRate(pool, memory)
        f32 = Self.operationRate(CK_PEAK_F32, pool)
        bf16 = Self.operationRate(CK_PEAK_BF16, pool)
        int8 = Self.operationRate(CK_PEAK_INT8, pool)
    }

    /// Measures with memory of its own: 512 MiB, more than last caches hold.
    ///
    /// - Parameter pool: all threads.
    /// - Returns: what was measured.
    /// - Throws: where there is not so much.
    package static func measured(pool: ThreadPool) throws(ByteStorageError) -> Peaks {
        let memory = try AnonymousMemory.numbers(byteCount: 512 << 20)
        return Peaks(pool: pool, memory: memory.bytes)
    }

    private static func readRate(_ pool: ThreadPool, _ memory: RawSpan) -> Double {
        let slice = memory.byteCount / pool.threadCount
        return unsafe memory.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return 0 }
            // Safety: the bytes are only read, and outlive the region.
            nonisolated(unsafe) let first = unsafe base.assumingMemoryBound(to: UInt8.self)
            return bestRate(of: Double(slice * pool.threadCount), repeats: 8) {
                pool.parallel(count: pool.threadCount) { task, _ in
                    unsafe keep(ck_peak_read(first + task * slice, slice))
                }
            }
        }
    }

    private static func operationRate(_ kind: ck_peak, _ pool: ThreadPool) -> Double {
        let operations = ck_peak_operations(kind)
        guard operations > 0 else { return 0 }
        let rounds = 1 << 20
        let work = Double(operations * rounds * pool.threadCount)
        return bestRate(of: work, repeats: 8) {
            pool.parallel(count: pool.threadCount) { _, _ in keep(ck_peak_run(kind, rounds)) }
        }
    }
}

/// The work per nanosecond of the fastest of some repetitions: 10⁹ operations or bytes per second.
package func bestRate(of work: Double, repeats: Int, _ body: () -> Void) -> Double {
    var best = 0.0
    for _ in 0..<repeats {
        let began = ContinuousClock.now
        body()
        best = max(best, work / ((ContinuousClock.now - began) / .nanoseconds(1)))
    }
    return best
}

/// Takes a result that nobody needs, so that its computation is not left out.
@inline(never) private func keep<T>(_ value: T) {}

extension AnonymousMemory {
    /// Bytes that are finite, not tiny numbers in every format, in pages of their own: any byte with
    /// bit 5 and without bit 6, so that no half, bf16 or f32 has the exponent of an infinity or of a
    /// denormal.
    ///
    /// - Parameter byteCount: any number.
    /// - Returns: the memory.
    /// - Throws: where the system has none.
    package static func numbers(byteCount: Int) throws(ByteStorageError) -> AnonymousMemory {
        let wordCount = byteCount / 8
        return try unsafe AnonymousMemory(byteCount: byteCount) { bytes in
            var state: UInt64 = 1
            let words = unsafe bytes.assumingMemoryBound(to: UInt64.self)
            for index in 0..<wordCount {
                state = state &* 0x5851_F42D_4C95_7F2D &+ 0x1405_7B7E_F767_814F
                unsafe words[index] =
                    state & 0xBFBF_BFBF_BFBF_BFBF | 0x2020_2020_2020_2020
            }
        }
    }

    /// Zeros, which take no memory until they are written to.
    ///
    /// - Parameter byteCount: any number.
    /// - Returns: the memory.
    /// - Throws: where the system has no room for them.
    package static func zeros(byteCount: Int) throws(ByteStorageError) -> AnonymousMemory {
        try unsafe AnonymousMemory(byteCount: byteCount) { _ in }
    }
}
