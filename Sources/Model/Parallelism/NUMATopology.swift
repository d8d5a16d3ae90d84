// SPDX-License-Identifier: Apache-2.0

internal import CNUMA

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

    /// What libnuma says, or nil where the system does not let it ask.
    private static func library() -> NUMATopology? {
        guard numa_available() >= 0, let processors = unsafe numa_allocate_cpumask() else {
            return nil
        }
        defer { unsafe numa_free_cpumask(processors) }
        var nodes: [Node] = []
        for number in 0...max(0, numa_max_node()) {
            guard unsafe numa_node_to_cpus(number, processors) == 0 else { continue }
            let near = unsafe (0..<UInt32(processors.pointee.size)).filter {
                unsafe numa_bitmask_isbitset(processors, $0) != 0
            }
            let memory = max(0, Int(numa_node_size64(number, nil)))
            guard !near.isEmpty || memory > 0 else { continue }
            nodes.append(
                Node(
                    number: Int(number), processors: near.map { Int($0) },
                    memoryByteCount: memory))
        }
        return nodes.isEmpty ? nil : NUMATopology(nodes: nodes)
    }

    /// Reads node folders.
    ///
    /// - Parameter root: a folder that stands for `/`; empty for the system itself.
    package init(root: String) {
        let folder = "\(root)/sys/devices/system/node"
        let online = SystemFile.text("\(folder)/online").map { SystemFile.numbers($0) } ?? []
        self.init(
            nodes: online.compactMap { number in
                let text = SystemFile.text("\(folder)/node\(number)/cpulist")
                return text.map { text in
                    Node(
                        number: number, processors: SystemFile.numbers(text),
                        memoryByteCount: Self.memory("\(folder)/node\(number)/meminfo"))
                }
            })
    }

    /// The total in a node's `meminfo`: `Node 0 MemTotal: 24689484 kB`.
    private static func memory(_ path: String) -> Int {
        let line = SystemFile.text(path)?.split(separator: "\n").first {
            $0.contains("MemTotal:")
        }
        let fields = line?.split(separator: " ") ?? []
        guard fields.count >= 2, let kilobytes = Int(fields[fields.count - 2]),
            (0...Int.max >> 10).contains(kilobytes)
        else { return 0 }
        return kilobytes << 10
    }
}
