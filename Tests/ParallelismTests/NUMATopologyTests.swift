// SPDX-License-Identifier: Apache-2.0

import Foundation
import Parallelism
import Testing

/// The nodes of machines that are made of files.
@Suite struct NUMATopologyTests {
    private func topology(_ files: [String: String]) throws -> NUMATopology {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: root) }
        for (path, text) in files {
            let file = root.appendingPathComponent("sys/devices/system/node/\(path)")
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data((text + "\n").utf8).write(to: file)
        }
        return NUMATopology(root: root.path)
    }

    @Test func `this machine has a node with our processors`() {
        let processors = Set(NUMATopology.current().nodes.flatMap(\.processors))
        #expect(processors.isSuperset(of: ProcessorTopology.current().affinity))
    }

    @Test func `nodes have processors and memory`() throws {
        let found = try topology([
            "online": "0,2",
            "node0/cpulist": "0-2,6", "node0/meminfo": "Node 0 MemTotal:       1024 kB\nNode 0 x",
            "node2/cpulist": "3-5", "node2/meminfo": "Node 2 MemTotal: 2 kB",
        ])
        #expect(
            found.nodes == [
                .init(number: 0, processors: [0, 1, 2, 6], memoryByteCount: 1 << 20),
                .init(number: 2, processors: [3, 4, 5], memoryByteCount: 2048),
            ])
    }

    @Test(arguments: ["garbage", "0-", "-1", "3-1", "0-99999999999"])
    func `where the files make no sense there is one node`(online: String) throws {
        #expect(try topology(["online": online]).nodes.map(\.number) == [0])
        #expect(try topology([:]).nodes.map(\.processors) == [[]])
    }

    @Test func `memory without a number counts as none`() throws {
        let found = try topology([
            "online": "0", "node0/cpulist": "0", "node0/meminfo": "Node 0 MemTotal: -5 kB",
        ])
        #expect(found.nodes[0].memoryByteCount == 0)
    }
}
