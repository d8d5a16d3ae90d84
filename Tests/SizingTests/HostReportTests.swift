// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
import Parallelism
import Sizing
import TestSupport
import Testing

/// Findings on machines that are made of files.
@Suite struct HostReportTests {
    /// A machine without faults: four cores, a node, enough memory.
    private static let sound = [
        "sys/devices/system/cpu/online": "0-3",
        "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never",
        "sys/kernel/mm/transparent_hugepage/defrag": "always defer defer+madvise [madvise] never",
        "proc/meminfo": "MemTotal: 16777216 kB\nMemAvailable: 12582912 kB\nSwapTotal: 0 kB",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance",
    ]

    private func findings(
        _ changes: [String: String?], affinity: [Int] = [0, 1, 2, 3],
        nodes: [NUMATopology.Node] = [], memory: Int = 16 << 30, descriptors: Int = 65536
    ) throws -> [String: HostFinding] {
        let folder = try TemporaryFolder()
        var files = Self.sound
        for (path, text) in changes { files[path] = text }
        for (path, text) in files {
            let file = URL(fileURLWithPath: folder.path).appendingPathComponent(path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data((text + "\n").utf8).write(to: file)
        }
        let report = HostReport(
            topology: ProcessorTopology(affinity: affinity, root: folder.path),
            nodes: NUMATopology(nodes: nodes), memoryByteCount: memory,
            limits: .init(lockedByteCount: 8 << 20, descriptorCount: descriptors),
            root: folder.path)
        return Dictionary(uniqueKeysWithValues: report.findings.map { ($0.subject, $0) })
    }

    @Test func `a sound machine has nothing to change`() throws {
        let findings = try findings([:])
        #expect(findings.values.allSatisfy { $0.grade == .good && $0.advice == nil })
        #expect(findings["processors"]?.found.contains("so 4 threads") == true)
    }

    @Test(arguments: [
        ("cpu.max", "750000 100000", "", HostFinding.Grade.good),
        ("cpu.max", "250000 100000", "", .advice),
        ("cpu.max", "200000 100000", "", .good),
        ("cpu.max", "50000 100000", "", .problem),
        ("cpu.max", "200000 100000", "nr_periods 100\nnr_throttled 90", .problem),
        ("cpu.max", "200000 100000", "nr_periods 100\nnr_throttled 1", .good),
    ])
    func `a quota that stops threads or wastes processors is found`(
        _ name: String, _ quota: String, _ counts: String, _ grade: HostFinding.Grade
    ) throws {
        let found = try findings([
            "proc/self/cgroup": "0::/unit", "sys/fs/cgroup/unit/\(name)": quota,
            "sys/fs/cgroup/unit/cpu.stat": counts,
        ])["cgroup quota"]
        #expect(found?.grade == grade)
        #expect((found?.advice == nil) == (grade == .good))
    }

    @Test func `processors that the mask leaves out are said`() throws {
        #expect(try findings([:], affinity: [0, 1])["processors"]?.grade == .advice)
    }

    @Test(arguments: [
        (String?.some("always madvise [never]"), "[madvise]", HostFinding.Grade.problem),
        ("[always] madvise never", "always [never]", .advice),
        ("[always] madvise never", "[always]", .good),
        (nil, "[always]", .advice),
    ])
    func `huge pages that are off or never made are found`(
        _ mode: String?, _ defrag: String, _ grade: HostFinding.Grade
    ) throws {
        let folder = "sys/kernel/mm/transparent_hugepage"
        let found = try findings(["\(folder)/enabled": mode, "\(folder)/defrag": defrag])
        #expect(found["huge pages"]?.grade == grade)
    }

    @Test func `memory that is swapped out or taken is found`() throws {
        let swapped = "MemAvailable: 12582912 kB\nSwapTotal: 4194304 kB\nSwapFree: 2097152 kB"
        #expect(try findings(["proc/meminfo": swapped])["memory"]?.grade == .problem)
        let taken = "MemAvailable: 1048576 kB"
        #expect(try findings(["proc/meminfo": taken])["memory"]?.grade == .advice)
    }

    @Test func `a node without memory is a problem, and the kernel's balancing is not needed`()
        throws
    {
        func node(_ number: Int, _ memory: Int) -> NUMATopology.Node {
            .init(
                number: number, processors: [2 * number, 2 * number + 1], memoryByteCount: memory)
        }
        let balancing = "proc/sys/kernel/numa_balancing"
        let bare = try findings([balancing: "0"], nodes: [node(0, 1 << 34), node(1, 0)])
        #expect(bare["memory nodes"]?.grade == .problem)
        let nodes = [node(0, 1 << 34), node(1, 1 << 34)]
        #expect(try findings([balancing: "1"], nodes: nodes)["memory nodes"]?.grade == .advice)
        #expect(try findings([balancing: "0"], nodes: nodes)["memory nodes"]?.grade == .good)
    }

    @Test(arguments: [
        ("powersave", "acpi-cpufreq", HostFinding.Grade.problem),
        ("powersave", "intel_pstate", .advice), ("schedutil", "acpi-cpufreq", .good),
    ])
    func `a governor that keeps processors slow is found`(
        _ governor: String, _ driver: String, _ grade: HostFinding.Grade
    ) throws {
        let folder = "sys/devices/system/cpu/cpu0/cpufreq"
        let found = try findings([
            "\(folder)/scaling_governor": governor, "\(folder)/scaling_driver": driver,
        ])
        #expect(found["frequency"]?.grade == grade)
    }

    @Test func `limits of frequency, no turbo and few descriptors are advice`() throws {
        let folder = "sys/devices/system/cpu/cpu0/cpufreq"
        let found = try findings(
            [
                "\(folder)/scaling_max_freq": "2000000", "\(folder)/cpuinfo_max_freq": "4000000",
                "sys/devices/system/cpu/intel_pstate/no_turbo": "1",
            ], descriptors: 1024)
        #expect(found["frequency limit"]?.grade == .advice)
        #expect(found["turbo"]?.grade == .advice)
        #expect(found["open files"]?.grade == .advice)
    }

    @Test func `files that make no sense are no findings`() throws {
        let nonsense = Self.sound.keys.map { ($0, String?.some("\u{1}[x 99999999999999999999")) }
        let found = try findings(Dictionary(uniqueKeysWithValues: nonsense))
        #expect(found["memory"] != nil && found["huge pages"]?.grade == .advice)
    }

    @Test func `this machine can be looked at`() {
        let report = HostReport(
            topology: .current(), nodes: .current(), memoryByteCount: 1 << 30, limits: .current())
        #expect(report.findings.count >= 8)
    }

    @Test func `stolen time is a share of all time`() throws {
        func time(_ line: String) throws -> StolenTime? {
            let folder = try TemporaryFolder()
            try FileManager.default.createDirectory(
                atPath: folder.path + "/proc", withIntermediateDirectories: true)
            try line.write(
                toFile: folder.path + "/proc/stat", atomically: true, encoding: .utf8)
            return StolenTime(root: folder.path)
        }
        let earlier = try #require(try time("cpu  100 0 0 100 0 0 0 10 5 5\ncpu0 1"))
        let later = try #require(try time("cpu  150 0 0 125 0 0 0 35 5 5\ncpu0 1"))
        #expect(later.share(since: earlier) == 0.25)
        #expect(earlier.share(since: later) == nil)
        #expect(try time("cpu 1 2") == nil)
        #expect(try time("intr") == nil)
    }
}
