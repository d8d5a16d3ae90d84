// SPDX-License-Identifier: Apache-2.0

import Parallelism

/// A place in a forward pass at which weights are read.
final class Reading {
    /// What threads read there first; nil: nobody knows beforehand, as with experts.
    private let first: WeightsAhead?
    /// What is read after it: what threads ask memory for while they wait.
    private(set) var next: WeightsAhead?

    /// How many places ahead: a small product is read sooner than a thread has time to wait.
    private static let placeCount = 3

    /// A place at which a product with these weights is computed.
    init(_ first: WeightsAhead?) {
        self.first = first
    }

    /// Tells each of some places what follows it; after the last comes the first, in the next step.
    static func order(_ readings: [Reading]) {
        for (index, reading) in readings.enumerated() {
            var ahead: WeightsAhead?
            for step in 1...placeCount {
                guard let next = readings[(index + step) % readings.count].first else { break }
                ahead = ahead?.followed(by: next) ?? next
            }
            reading.next = ahead
        }
    }
}
