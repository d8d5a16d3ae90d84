// SPDX-License-Identifier: Apache-2.0

/// Where an accepted request stands, as far as anybody can know.
package struct QueuePlace: Hashable, Sendable {
    /// How many sequences get a place before it; 0 if it starts with the next step.
    package let position: Int

    /// When it should start, by the rate at which sequences ended in the recent past.
    package let estimatedWait: Duration

    /// Creates a place; the default is the head of the queue.
    package init(position: Int = 0, estimatedWait: Duration = .zero) {
        self.position = position
        self.estimatedWait = estimatedWait
    }
}
