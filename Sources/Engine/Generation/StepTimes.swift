// SPDX-License-Identifier: Apache-2.0

/// When the phases of a step began and ended.
struct StepTimes {
    var start = ContinuousClock.now
    var scheduled = ContinuousClock.now
    var computed = ContinuousClock.now
    var end = ContinuousClock.now

    /// Choosing the sequences, and preparing the batch.
    var schedule: Duration { start.duration(to: scheduled) }

    /// The model.
    var forward: Duration { scheduled.duration(to: computed) }

    /// Sampling, text and bookkeeping.
    var sample: Duration { computed.duration(to: end) }
}
