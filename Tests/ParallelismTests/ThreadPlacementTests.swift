// SPDX-License-Identifier: Apache-2.0

import Foundation
import Parallelism
import Synchronization
import Testing

/// Workers on simulated machines.
@Suite struct ThreadPlacementTests {
    /// Nodes of so many cores each, numbered through; without a second thread in any core.
    private func machine(_ coreCounts: [Int]) -> (ProcessorTopology, NUMATopology) {
        var nodes: [NUMATopology.Node] = []
        var next = 0
        for (number, count) in coreCounts.enumerated() {
            nodes.append(
                .init(
                    number: number, processors: Array(next..<next + count),
                    memoryByteCount: 1 << 30))
            next += count
        }
        return (
            ProcessorTopology(affinity: Array(0..<next), root: "/nowhere"),
            NUMATopology(nodes: nodes)
        )
    }

    private func place(
        _ threadCount: Int, on coreCounts: [Int], _ pinning: ThreadPlacement.Pinning
    ) -> ThreadPlacement {
        let (topology, memory) = machine(coreCounts)
        return ThreadPlacement(
            threadCount: threadCount, topology: topology, memory: memory, pinning: pinning)
    }

    @Test func `workers that fill the cores have one each`() {
        #expect(place(4, on: [4], .automatic).processors == [[0], [1], [2], [3]])
        #expect(place(4, on: [2, 2], .automatic).processors == [[0], [2], [1], [3]])
    }

    @Test func `fewer workers than cores stay free, or with their node's memory`() {
        #expect(place(3, on: [4], .automatic).processors == [[], [], []])
        #expect(place(2, on: [2, 2], .automatic).processors == [[0, 1], [2, 3]])
    }

    @Test func `who asks for it gets cores for fewer workers`() {
        #expect(place(3, on: [4], .always).processors == [[0], [1], [2]])
        #expect(place(3, on: [2, 2], .always).processors == [[0], [2], [1]])
    }

    @Test(arguments: ThreadPlacement.Pinning.allCases)
    func `more workers than cores stay free`(pinning: ThreadPlacement.Pinning) {
        let placement = place(5, on: [2, 2], pinning)
        #expect(placement.processors.allSatisfy { $0.isEmpty })
        #expect(placement.workerCounts == [3, 2])
    }

    @Test func `who declines it has free workers`() {
        #expect(place(4, on: [2, 2], .never).processors == [[], [], [], []])
    }

    @Test func `workers are spread over the nodes as far as cores go`() {
        #expect(place(4, on: [3, 1], .automatic).workerNodes == [0, 1, 0, 0])
        #expect(place(8, on: [2, 2, 2, 2], .automatic).workerCounts == [2, 2, 2, 2])
        #expect(place(1, on: [2, 2], .automatic).nodes == [0])
    }

    @Test func `a node without processors has no workers`() {
        let placement = place(2, on: [0, 2], .automatic)
        #expect(placement.nodes == [1])
        #expect(placement.workerNodes == [0, 0])
    }

    @Test func `processors of unknown nodes are one node`() {
        let placement = ThreadPlacement(
            threadCount: 2, topology: ProcessorTopology(affinity: [5, 6], root: "/nowhere"),
            memory: NUMATopology(nodes: [.init(number: 3, processors: [5], memoryByteCount: 0)]),
            pinning: .automatic)
        #expect(placement.nodes == [3])
        #expect(placement.processors == [[5], [6]])
    }

    @Test(arguments: [[4], [2, 2], [1, 1, 1, 1], [3, 1], [0, 4]])
    func `every task runs once, whichever node it belongs to`(coreCounts: [Int]) {
        let placement = place(4, on: coreCounts, .never)
        let pool = ThreadPool(placement: placement)
        for counts in [
            [0, 0, 0, 0], [1, 0, 0, 0], [0, 5, 0, 2], [7, 0, 0, 9], [100, 3, 50, 1],
        ] {
            var ends = [0, 0, 0, 0]
            for node in 0..<4 { ends[node] = (node > 0 ? ends[node - 1] : 0) + counts[node] }
            for nodeCount in 1...4 {
                let runs = Mutex([Int](repeating: 0, count: ends[nodeCount - 1]))
                pool.runRegion(ends: Array(ends[..<nodeCount]).span) { task, _ in
                    runs.withLock { $0[task] += 1 }
                }
                #expect(runs.withLock { $0.allSatisfy { $0 == 1 } })
            }
        }
    }

    @Test func `a worker starts with the tasks of its node`() {
        let placement = place(2, on: [1, 1], .never)
        let pool = ThreadPool(placement: placement)
        let first = Mutex([Int?](repeating: nil, count: 2))
        let begun = Atomic<Int>(0)
        let ends = [4, 8]
        pool.runRegion(ends: ends.span) { task, worker in
            let isFirst = first.withLock { first in
                guard first[worker] == nil else { return false }
                first[worker] = task
                return true
            }
            // Nobody goes on before both workers have a task.
            if isFirst { begun.add(1, ordering: .sequentiallyConsistent) }
            while begun.load(ordering: .sequentiallyConsistent) < 2 { sched_yield() }
        }
        #expect(first.withLock { $0 } == [0, 4])
    }

    @Test func `the caller runs where it did before`() {
        let pool = ThreadPool(threadCount: 1, pinning: .always)
        let before = ProcessorTopology.current().affinity

        let affinity = pool.placeCaller()
        let during = ProcessorTopology.current().affinity
        pool.releaseCaller(to: affinity)

        #expect(during == pool.placement.processors[0])
        #expect(ProcessorTopology.current().affinity == before)
    }
}
