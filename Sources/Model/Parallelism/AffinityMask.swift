// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// The logical processors that a thread may run on.
package struct AffinityMask: Sendable {
    /// More than any processor's number in Linux.
    static let processorLimit = 8192

    private var words = InlineArray<128, UInt64>(repeating: 0)

    /// A mask of some processors; numbers that cannot be are left out.
    init(_ processors: [Int]) {
        for processor in processors where (0..<Self.processorLimit).contains(processor) {
            words[processor / 64] |= 1 << UInt64(processor % 64)
        }
    }

    /// The calling thread's.
    static func current() -> AffinityMask {
        var mask = AffinityMask([])
        var words = mask.words.mutableSpan
        unsafe words.withUnsafeMutableBytes { bytes in
            unsafe _ = ck_affinity(bytes.baseAddress, bytes.count)
        }
        return mask
    }

    /// The processors, ascending.
    var processors: [Int] {
        (0..<Self.processorLimit).filter { words[$0 / 64] >> UInt64($0 % 64) & 1 == 1 }
    }

    /// Makes it the calling thread's; where the system refuses, the thread stays as it is.
    func apply() {
        unsafe words.span.withUnsafeBytes { bytes in
            unsafe _ = ck_set_affinity(bytes.baseAddress, bytes.count)
        }
    }
}
