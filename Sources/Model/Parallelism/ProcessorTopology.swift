// SPDX-License-Identifier: Apache-2.0

/// The processors that this process may use.
package struct ProcessorTopology: Hashable, Sendable {
    /// The logical processors that the affinity mask allows, ascending.
    package let affinity: [Int]

    /// One processor of each distinct physical core in `affinity`; all where cores are not known.
    package let processors: [Int]

    /// The processors' worth of time that the control groups grant, or nil for no limit.
    package let quota: Double?

    /// The number of compute threads that make sense: one for each physical core, within the quota
    /// rounded down, at least 1.
    ///
    /// More threads than the quota grants are far slower than fewer: the group is stopped for the
    /// rest of each period, whichever thread the others wait for.
    package var availableThreadCount: Int {
        guard let quota else { return max(1, processors.count) }
        return max(1, Int(min(Double(processors.count), quota)))
    }

    /// What the system says now.
    package static func current() -> ProcessorTopology {
        ProcessorTopology(affinity: AffinityMask.current().processors, root: "")
    }
}
