// SPDX-License-Identifier: Apache-2.0

internal import CKernels
import Parallelism

/// What the machine itself can do: the limits that every kernel is held against.
struct Peaks {
    /// GB/s that one thread, and all threads together, read from memory.
    let readOne: Double
    let readAll: Double
    /// Gop/s of all threads in registers alone, a multiply-add counting as two; 0: no instruction.
    let f32: Double
    let bf16: Double
    let int8: Double

    /// Measures for about two seconds.
    ///
    /// - Parameters:
    ///   - pool: all threads.
    ///   - memory: bytes to read, far more than the last cache holds.
    init(pool: ThreadPool, memory: RawSpan) {
        readOne = Self.readRate(ThreadPool(threadCount: 1), memory)
        readAll = Self.readRate(pool, memory)
        f32 = Self.operationRate(CK_PEAK_F32, pool)
        bf16 = Self.operationRate(CK_PEAK_BF16, pool)
        int8 = Self.operationRate(CK_PEAK_INT8, pool)
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
func bestRate(of work: Double, repeats: Int, _ body: () -> Void) -> Double {
    var best = 0.0
    for _ in 0..<repeats {
        let began = ContinuousClock.now
        body()
        best = max(best, work / ((ContinuousClock.now - began) / .nanoseconds(1)))
    }
    return best
}

/// Takes a result that nobody needs, so that its computation is not left out.
@inline(never) func keep<T>(_ value: T) {}
