// SPDX-License-Identifier: Apache-2.0

import Foundation
import Parallelism
import Testing

/// The count of threads on machines that are made of files.
@Suite struct ProcessorTopologyTests {
    private func topology(affinity: [Int], _ files: [String: String]) throws -> ProcessorTopology {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: root) }
        for (path, text) in files {
            let file = root.appendingPathComponent(path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data((text + "\n").utf8).write(to: file)
        }
        return ProcessorTopology(affinity: affinity, root: root.path)
    }

    /// Four cores of two threads each; processors n and n + 4 share a core.
    private var eightThreads: [String: String] {
        var files: [String: String] = [:]
        for processor in 0..<8 {
            let folder = "sys/devices/system/cpu/cpu\(processor)/topology"
            files["\(folder)/physical_package_id"] = "0"
            files["\(folder)/core_id"] = "\(processor % 4)"
        }
        return files
    }

    @Test func `this machine has a thread for us`() {
        let current = ProcessorTopology.current()
        #expect(current.availableThreadCount >= 1)
        #expect(current.availableThreadCount <= current.affinity.count)
    }

    @Test func `one thread for each physical core`() throws {
        let all = try topology(affinity: Array(0..<8), eightThreads)
        #expect(all.availableThreadCount == 4 && all.processors == [0, 1, 2, 3])
        let some = try topology(affinity: [6, 2, 5], eightThreads)
        #expect(some.processors == [2, 5])
    }

    @Test func `without core numbers every processor counts`() throws {
        #expect(try topology(affinity: [1, 3, 9], [:]).availableThreadCount == 3)
    }

    @Test(arguments: [
        ("max 100000", 4), ("300000 100000", 3), ("399999 100000", 3), ("50000 100000", 1),
        ("800000 100000", 4), ("garbage", 4), ("-1 0", 4), ("nan 1", 4), ("inf 1", 4),
        ("1e300 1", 4),
    ])
    func `a version 2 quota is rounded down`(limit: String, expected: Int) throws {
        let files = eightThreads.merging([
            "proc/self/cgroup": "0::/pod/app", "sys/fs/cgroup/pod/app/cpu.max": limit,
        ]) { $1 }
        #expect(try topology(affinity: Array(0..<8), files).availableThreadCount == expected)
    }

    @Test func `the tightest group around the process counts`() throws {
        let files = eightThreads.merging([
            "proc/self/cgroup": "0::/pod/app", "sys/fs/cgroup/pod/app/cpu.max": "max 100000",
            "sys/fs/cgroup/pod/cpu.max": "250000 100000",
        ]) { $1 }
        #expect(try topology(affinity: Array(0..<8), files).availableThreadCount == 2)
    }

    @Test func `inside a container the limit is at the mount`() throws {
        let files = eightThreads.merging([
            "proc/self/cgroup": "0::/../../outside", "sys/fs/cgroup/cpu.max": "200000 100000",
        ]) { $1 }
        #expect(try topology(affinity: Array(0..<8), files).availableThreadCount == 2)
    }

    @Test(arguments: [("300000", 3), ("-1", 4)])
    func `a version 1 quota is rounded down`(quota: String, expected: Int) throws {
        let files = eightThreads.merging([
            "proc/self/cgroup": "7:memory:/app\n4:cpu,cpuacct:/app",
            "sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_quota_us": quota,
            "sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_period_us": "100000",
        ]) { $1 }
        #expect(try topology(affinity: Array(0..<8), files).availableThreadCount == expected)
    }

    @Test func `cores of the same number on two packages are two cores`() throws {
        var files = eightThreads
        for processor in 4..<8 {
            files["sys/devices/system/cpu/cpu\(processor)/topology/physical_package_id"] = "1"
        }
        #expect(try topology(affinity: [7, 3, 0, 4], files).processors == [0, 3, 4, 7])
    }

    @Test func `a version 1 quota is also found where only cpu is mounted`() throws {
        let files = eightThreads.merging([
            "proc/self/cgroup": "4:cpu,cpuacct:/app\n1:name=systemd:/",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "250000",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
        ]) { $1 }
        let found = try topology(affinity: Array(0..<8), files)
        #expect(found.quota == 2.5)
        #expect(found.availableThreadCount == 2)
    }

    @Test func `without an affinity there is one processor`() throws {
        #expect(try topology(affinity: [], [:]).availableThreadCount == 1)
    }
}
