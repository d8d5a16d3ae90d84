// SPDX-License-Identifier: Apache-2.0

/// What each worker of a pool reads first of some weights.
///
/// Threads that wait for the region in which they read them ask memory for it meanwhile, so that
/// memory works on while one thread does what cannot be shared, or waits for another.
package struct WeightsAhead: Sendable {
    /// Bytes that a worker reads one after another.
    package struct Part: Sendable {
        /// Where they begin.
        package var address: UInt = 0
        /// How many they are; 0 where there are none.
        package var byteCount = 0

        /// Bytes from an address on.
        package init(address: UInt = 0, byteCount: Int = 0) {
            self.address = address
            self.byteCount = byteCount
        }

        var end: UInt { address + UInt(byteCount) }

        /// The number of the first cache line, and in 16 bits how many they are.
        var word: UInt64 {
            let first = UInt64(address) / 64
            let count = UInt64(end + 63) / 64 - first
            return byteCount == 0 ? 0 : (first << 16) | count
        }

        /// The numbers of a word's cache lines.
        static func lines(_ word: UInt64) -> Range<UInt64> {
            let first = word >> 16
            return first..<(first + (word & 0xffff))
        }
    }

    /// Into how many parts a worker's share may fall.
    package static let partCount = 8

    /// How much of a worker's share is asked for: half of the second cache.
    package static let byteCount = 512 << 10

    private var parts: [Part]

    /// No weights.
    package init(workerCount: Int) {
        parts = [Part](repeating: Part(), count: workerCount * Self.partCount)
    }

    /// Adds to what a worker reads, as long as there is room.
    package mutating func append(_ part: Part, worker: Int) {
        let own = parts(ofWorker: worker).indices
        let room = Self.byteCount - parts[own].reduce(0) { $0 + $1.byteCount }
        let byteCount = min(part.byteCount, room)
        if let before = own.first(where: { parts[$0].end == part.address }) {
            parts[before].byteCount += byteCount
        } else if let free = own.first(where: { parts[$0].byteCount == 0 }) {
            parts[free] = Part(address: part.address, byteCount: byteCount)
        }
    }

    /// The same, and what comes after it, as long as there is room.
    package func followed(by next: WeightsAhead) -> WeightsAhead {
        var both = self
        for index in next.parts.indices where next.parts[index].byteCount > 0 {
            both.append(next.parts[index], worker: index / Self.partCount)
        }
        return both
    }

    /// What a worker reads, in this order; the last parts may be empty.
    package func parts(ofWorker worker: Int) -> ArraySlice<Part> {
        parts[worker * Self.partCount..<(worker + 1) * Self.partCount]
    }
}
