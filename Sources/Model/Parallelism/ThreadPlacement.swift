// SPDX-License-Identifier: Apache-2.0

/// Where the workers of a pool run: a memory node each, and the processors that they keep to.
package struct ThreadPlacement: Hashable, Sendable {
    /// Whether workers keep to one processor each.
    package enum Pinning: String, Sendable, CaseIterable {
        /// Where there is a worker for every core that the process may use, so that nobody else's
        /// threads lose a core to ours that we might leave to them; with fewer workers, each keeps
        /// to the cores of its memory node where there are several nodes.
        case automatic

        /// Where there are cores enough.
        case always

        /// Workers run where the system puts them.
        case never
    }

    /// The system's numbers of the nodes that have workers; at least one.
    package let nodes: [Int]

    /// The node of each worker, as an index of `nodes`.
    package let workerNodes: [Int]

    /// The logical processors that each worker keeps to; none where it is free.
    package let processors: [[Int]]

    /// Spreads workers over the nodes, one for each physical core as long as there are any.
    ///
    /// - Parameters:
    ///   - threadCount: the number of workers, at least 1.
    ///   - topology: the processors that may be used.
    ///   - memory: the nodes of the machine.
    ///   - pinning: whether workers keep to processors.
    package init(
        threadCount: Int, topology: ProcessorTopology, memory: NUMATopology, pinning: Pinning
    ) {
        // The cores of each node, the nodes without any left out.
        var cores: [(node: NUMATopology.Node, free: ArraySlice<Int>)] = []
        for node in memory.nodes {
            let near = Set(node.processors)
            let own = topology.processors.filter { near.contains($0) }
            if !own.isEmpty { cores.append((node, own[...])) }
        }
        // Where nodes and processors do not match, there might as well be one node.
        if cores.reduce(0, { $0 + $1.free.count }) < topology.processors.count {
            cores = [(memory.nodes[0], topology.processors[...])]
        }
        let coreCount = topology.processors.count
        let pins =
            switch pinning {
            case .automatic:
                threadCount == coreCount
                    && (topology.quota ?? .infinity)
                        >= Double(threadCount)
            case .always: threadCount <= coreCount
            case .never: false
            }
        let keepsToNode = pinning != .never && cores.count > 1 && threadCount <= coreCount
        var workerNodes: [Int] = []
        var processors: [[Int]] = []
        let affinity = Set(topology.affinity)
        var next = 0
        for _ in 0..<threadCount {
            // One node after the other, past those whose cores are all taken.
            for _ in cores where cores[next].free.isEmpty { next = (next + 1) % cores.count }
            let node = cores[next].node
            let core = cores[next].free.popFirst()
            workerNodes.append(next)
            if pins, let core {
                processors.append([core])
            } else if keepsToNode {
                processors.append(node.processors.filter { affinity.contains($0) })
            } else {
                processors.append([])
            }
            next = (next + 1) % cores.count
        }
        nodes = cores.prefix(threadCount).map(\.node.number)
        self.workerNodes = workerNodes
        self.processors = processors
    }

    /// The number of workers of each of `nodes`.
    package var workerCounts: [Int] {
        nodes.indices.map { node in workerNodes.count { $0 == node } }
    }
}
