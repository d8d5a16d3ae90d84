// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// How many tokens each expert of each layer has computed since the model was loaded.
///
/// The thread of the steps counts and allocates nothing for it; any other may read.
package final class ExpertUsage: Sendable {
    /// The number of layers.
    package let layerCount: Int
    /// E.
    package let expertCount: Int
    /// What each of the last tokens was routed to, while somebody wants to know.
    package let trace: ExpertTrace
    /// `[layers, E]`.
    private let counts: Mutex<[UInt64]>

    /// Counts from zero.
    package init(layerCount: Int, expertCount: Int, expertsPerToken: Int) {
        self.layerCount = layerCount
        self.expertCount = expertCount
        trace = ExpertTrace(layerCount: layerCount, expertsPerToken: expertsPerToken)
        counts = Mutex(Array(repeating: 0, count: layerCount * expertCount))
    }

    /// Adds the visits of a step in a layer.
    ///
    /// - Parameters:
    ///   - groups: the visits by expert.
    ///   - layer: below `layerCount`.
    package func add(_ groups: RowGroups, inLayer layer: Int) {
        counts.withLock { counts in
            for expert in 0..<expertCount {
                counts[layer * expertCount + expert] += UInt64(groups.size(of: expert))
            }
        }
    }

    /// `[layers][E]`: the tokens that each expert has computed.
    package var tokenCounts: [[UInt64]] {
        counts.withLock { counts in
            // A copy at once: a shared one would have the next step copy it.
            (0..<layerCount).map { layer in
                (0..<expertCount).map { counts[layer * expertCount + $0] }
            }
        }
    }
}

extension ExpertUsage: Hashable {
    package static func == (one: ExpertUsage, other: ExpertUsage) -> Bool { one === other }

    package func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
