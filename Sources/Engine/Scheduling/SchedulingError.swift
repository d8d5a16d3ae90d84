// SPDX-License-Identifier: Apache-2.0

/// Why a sequence was not taken into the queue.
package enum SchedulingError: Error, Equatable, CustomStringConvertible {
    /// There are as many sequences as there may be.
    case queueFull(limit: Int)

    /// The sequence could need more KV blocks than there are.
    case tooLong(neededBlocks: Int, blockCount: Int)

    /// One line that says what was needed and what there is.
    package var description: String {
        switch self {
        case .queueFull(let limit): "the queue is full: there are \(limit) sequences already"
        case .tooLong(let needed, let count):
            "the sequence may need \(needed) KV blocks and there are \(count)"
        }
    }
}
