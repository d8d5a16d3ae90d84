// SPDX-License-Identifier: Apache-2.0

/// The memory nodes of a machine and the processors that are near to each.
package struct NUMATopology: Hashable, Sendable {
    /// Memory, and the processors that reach it fastest.
    package struct Node: Hashable, Sendable {
        /// The system's number of the node.
        package let number: Int

        /// The logical processors of the node, ascending.
        package let processors: [Int]

        /// The bytes of memory; 0 where there are none or the system does not tell.
        package let memoryByteCount: Int

        /// Creates a node, of the system or a simulated one.
        package init(number: Int, processors: [Int], memoryByteCount: Int) {
            self.number = number
            self.processors = processors
            self.memoryByteCount = memoryByteCount
        }
    }

    /// The nodes, ascending by number; at least one.
    package let nodes: [Node]

    /// Creates a topology, of the system or a simulated one.
    package init(nodes: [Node]) {
        self.nodes =
            nodes.isEmpty ? [Node(number: 0, processors: [], memoryByteCount: 0)] : nodes
    }

    /// What the system says now.
    package static func current() -> NUMATopology {
        library() ?? NUMATopology(root: "")
    }
}
