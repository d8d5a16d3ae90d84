// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The memory in which an engine's KV blocks wait to be written to disk; nothing is allocated in the
/// long run.
final class StagingArea: Sendable {
    private struct State {
        var free: [[UInt8]] = []
        var madeCount = 0
        var isWanted = false
    }

    /// The most bytes of it, where a block is not larger than half.
    private static let mostBytes = 128 << 20

    private let byteCount: Int
    private let mostCount: Int
    private let state = Mutex(State())
    private let whenFree: @Sendable () -> Void

    /// Memory for files of a number of bytes.
    ///
    /// - Parameters:
    ///   - byteCount: of a file.
    ///   - whenFree: is told, on any thread, that some is free again after there was none.
    init(byteCount: Int, whenFree: @escaping @Sendable () -> Void) {
        self.byteCount = byteCount
        mostCount = min(max(Self.mostBytes / max(1, byteCount), 2), 256)
        self.whenFree = whenFree
    }

    /// Memory for a file, with anything in it; nil if all is in use.
    func take() -> [UInt8]? {
        let (taken, mustMake): ([UInt8]?, Bool) = state.withLock { state in
            if let free = state.free.popLast() { return (free, false) }
            state.isWanted = state.madeCount == mostCount
            if state.isWanted { return (nil, false) }
            state.madeCount += 1
            return (nil, true)
        }
        return mustMake ? [UInt8](repeating: 0, count: byteCount) : taken
    }

    /// Lets memory be used again.
    func giveBack(_ bytes: consuming [UInt8]) {
        let bytes = bytes
        let wasWanted = state.withLock { state in
            state.free.append(bytes)
            defer { state.isWanted = false }
            return state.isWanted
        }
        if wasWanted { whenFree() }
    }
}
