// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
package import Parallelism

/// What the system says of this machine, judged by what a server of models needs of it.
///
/// Nothing is measured here and nothing changed; every finding comes from a file that a test can
/// write.
package struct HostReport: Sendable {
    /// In the order in which people should read them.
    package let findings: [HostFinding]

    /// Limits of a process, which are in no file.
    package struct ProcessLimits: Sendable {
        /// The most bytes that it may lock, and the most descriptors it may open.
        package var lockedByteCount: Int
        package var descriptorCount: Int

        /// Creates limits.
        package init(lockedByteCount: Int, descriptorCount: Int) {
            self.lockedByteCount = lockedByteCount
            self.descriptorCount = descriptorCount
        }

        /// This process's.
        package static func current() -> ProcessLimits {
            func limit(_ resource: __rlimit_resource) -> Int {
                var limit = rlimit()
                let number = __rlimit_resource_t(resource.rawValue)
                guard unsafe getrlimit(number, &limit) == 0 else { return .max }
                return Int(clamping: limit.rlim_cur)
            }
            return ProcessLimits(
                lockedByteCount: limit(__RLIMIT_MEMLOCK), descriptorCount: limit(RLIMIT_NOFILE))
        }
    }

    /// Looks at the machine.
    ///
    /// - Parameters:
    ///   - topology: the processors that this process may use.
    ///   - nodes: the memory nodes.
    ///   - memoryByteCount: what this process may use.
    ///   - limits: of this process.
    ///   - root: a folder that stands for `/`; empty for the system itself.
    package init(
        topology: ProcessorTopology, nodes: NUMATopology, memoryByteCount: Int,
        limits: ProcessLimits, root: String = ""
    ) {
        let files = SystemFiles(root: root)
        findings =
            [
                Self.processors(topology, files), Self.quota(topology, files),
                Self.memory(memoryByteCount, files), Self.hugePages(files),
                Self.nodes(nodes, topology, files), Self.lockedMemory(limits),
                Self.descriptors(limits),
            ] + Self.frequency(topology, files)
    }

    private static func processors(
        _ topology: ProcessorTopology, _ files: SystemFiles
    ) -> HostFinding {
        let online = files.numbers("sys/devices/system/cpu/online")
        let cores = topology.processors.count
        let found =
            "\(topology.affinity.count) of \(max(online.count, topology.affinity.count)) logical "
            + "processors, \(cores) physical cores, so \(topology.availableThreadCount) threads"
        guard topology.affinity.count < online.count else {
            return HostFinding("processors", found)
        }
        return HostFinding(
            "processors", .advice, found,
            advice: "the affinity mask leaves out others: look at CPUAffinity= and AllowedCPUs= of "
                + "the unit, taskset, or cpuset of the container, unless that is meant")
    }

    private static func quota(
        _ topology: ProcessorTopology, _ files: SystemFiles
    ) -> HostFinding {
        let counts = files.fields(ofGroup: "cpu.stat")
        let throttled = counts["nr_throttled"] ?? 0
        guard let quota = topology.quota else {
            return HostFinding("cgroup quota", "none")
        }
        let text = String(format: "%.2f processors", quota)
        if throttled > 0, let periods = counts["nr_periods"], throttled * 20 > periods {
            return HostFinding(
                "cgroup quota", .problem,
                "\(text); the group was stopped in \(throttled) of \(periods) periods",
                advice: "all threads stand still then: raise the quota (CPUQuota=, cpu.max, "
                    + "resources.limits.cpu), or run fewer other things in the group")
        }
        if quota < 1 {
            return HostFinding(
                "cgroup quota", .problem, text,
                advice: "less than one processor: even one thread is stopped in every period")
        }
        let unused = quota - Double(topology.availableThreadCount)
        guard unused < 0.1 || quota > Double(topology.processors.count) else {
            return HostFinding(
                "cgroup quota", .advice, text,
                advice: "a part of a processor makes no thread: give whole processors")
        }
        return HostFinding("cgroup quota", text)
    }

    private static func memory(_ byteCount: Int, _ files: SystemFiles) -> HostFinding {
        let info = files.fields("proc/meminfo")
        let available = (info["MemAvailable:"] ?? 0) << 10
        let swapped = max(0, (info["SwapTotal:"] ?? 0) - (info["SwapFree:"] ?? 0)) << 10
        let found = "\(gibibytes(byteCount)) for this process, \(gibibytes(available)) free now"
        if swapped > byteCount / 100, swapped > 64 << 20 {
            return HostFinding(
                "memory", .problem, "\(found), \(gibibytes(swapped)) swapped out",
                advice:
                    "weights that are swapped out cost seconds per token: use a smaller type of "
                    + "weights or kv-memory, stop what else runs, or turn swap off")
        }
        if available < byteCount / 4 {
            return HostFinding(
                "memory", .advice, found,
                advice: "other processes hold most of it; `cierzo plan` says what a model needs")
        }
        return HostFinding("memory", found)
    }

    private static func hugePages(_ files: SystemFiles) -> HostFinding {
        let folder = "sys/kernel/mm/transparent_hugepage"
        guard let mode = files.choice("\(folder)/enabled") else {
            return HostFinding(
                "huge pages", .advice, "the kernel has none",
                advice:
                    "use a kernel with CONFIG_TRANSPARENT_HUGEPAGE: weights in small pages cost "
                    + "misses of the address cache")
        }
        if mode == "never" {
            return HostFinding(
                "huge pages", .problem, "transparent huge pages: never",
                advice: "echo madvise > /\(folder)/enabled (at boot: "
                    + "transparent_hugepage=madvise on the kernel's command line)")
        }
        let defrag = files.choice("\(folder)/defrag") ?? "madvise"
        if defrag == "never" {
            return HostFinding(
                "huge pages", .advice,
                "transparent huge pages: \(mode), but none are made on demand",
                advice: "echo madvise > /\(folder)/defrag")
        }
        return HostFinding("huge pages", "transparent huge pages: \(mode)")
    }

    private static func nodes(
        _ nodes: NUMATopology, _ topology: ProcessorTopology, _ files: SystemFiles
    ) -> HostFinding {
        let all = nodes.nodes
        let sizes = all.map { "\($0.number): \(gibibytes($0.memoryByteCount))" }
            .joined(separator: ", ")
        guard all.count > 1 else { return HostFinding("memory nodes", "one") }
        let ours = Set(topology.affinity)
        let empty = all.filter { node in
            node.memoryByteCount == 0 && !ours.isDisjoint(with: node.processors)
        }
        if let node = empty.first {
            return HostFinding(
                "memory nodes", .problem, "\(all.count) (\(sizes))",
                advice: "node \(node.number) has processors and no memory, so all they read comes "
                    + "from elsewhere: fit memory there, or leave its processors out (AllowedCPUs=)"
            )
        }
        if files.number("proc/sys/kernel/numa_balancing") ?? 0 > 0 {
            return HostFinding(
                "memory nodes", .advice, "\(all.count) (\(sizes)), balanced by the kernel",
                advice: "weights are placed by node already, and the kernel's balancing only takes "
                    + "time: sysctl kernel.numa_balancing=0")
        }
        return HostFinding("memory nodes", "\(all.count) (\(sizes)); weights are placed by node")
    }

    private static func lockedMemory(_ limits: ProcessLimits) -> HostFinding {
        let found =
            limits.lockedByteCount > 1 << 50 ? "no limit" : "\(limits.lockedByteCount >> 10) KiB"
        // Nothing is locked, so no limit is too low.
        return HostFinding("locked memory", "\(found); Cierzo locks none")
    }

    private static func descriptors(_ limits: ProcessLimits) -> HostFinding {
        let found = limits.descriptorCount > 1 << 40 ? "no limit" : "\(limits.descriptorCount)"
        guard limits.descriptorCount < 4096 else { return HostFinding("open files", found) }
        return HostFinding(
            "open files", .advice, found,
            advice: "each connection takes one: LimitNOFILE=65536 in the unit, or ulimit -n 65536")
    }

    private static func frequency(
        _ topology: ProcessorTopology, _ files: SystemFiles
    ) -> [HostFinding] {
        let folders = topology.affinity.map { "sys/devices/system/cpu/cpu\($0)/cpufreq" }
        let governors = Set(folders.compactMap { files.text("\($0)/scaling_governor") })
        guard !governors.isEmpty, let folder = folders.first else {
            return [HostFinding("frequency", "not ours to set, as in most virtual machines")]
        }
        let driver = files.text("\(folder)/scaling_driver") ?? ""
        let names = governors.sorted().joined(separator: ", ")
        // What these drivers call so still runs at full speed under load.
        let isDriverOwn = driver.hasPrefix("intel_pstate") || driver.hasPrefix("amd-pstate-epp")
        var findings: [HostFinding] = []
        if governors.isSubset(of: ["performance", "schedutil"]) {
            findings.append(HostFinding("frequency", "governor \(names)"))
        } else {
            findings.append(
                HostFinding(
                    "frequency", isDriverOwn ? .advice : .problem, "governor \(names) (\(driver))",
                    advice: "cpupower frequency-set -g performance: others clock up late, or never")
            )
        }
        let slowed = folders.filter { folder in
            guard let now = files.number("\(folder)/scaling_max_freq"),
                let most = files.number("\(folder)/cpuinfo_max_freq")
            else { return false }
            return now < most * 95 / 100
        }
        if !slowed.isEmpty {
            findings.append(
                HostFinding(
                    "frequency limit", .advice,
                    "\(slowed.count) processors may not reach their highest frequency",
                    advice: "raise scaling_max_freq, unless it is low for heat or power"))
        }
        let noTurbo = files.number("sys/devices/system/cpu/intel_pstate/no_turbo") == 1
        if noTurbo || files.number("sys/devices/system/cpu/cpufreq/boost") == 0 {
            findings.append(
                HostFinding(
                    "turbo", .advice, "off",
                    advice: "turn it on in "
                        + (noTurbo
                            ? "/sys/devices/system/cpu/intel_pstate/no_turbo (0)"
                            : "/sys/devices/system/cpu/cpufreq/boost (1)") + " or the firmware"))
        }
        return findings
    }

    private static func gibibytes(_ count: Int) -> String {
        String(format: "%.1f GiB", Double(count) / Double(1 << 30))
    }
}

/// Files of `/proc` and `/sys`.
private struct SystemFiles {
    let root: String

    func text(_ path: String) -> String? { SystemFile.text("\(root)/\(path)") }

    func number(_ path: String) -> Int? { text(path).flatMap { Int($0) } }

    func numbers(_ path: String) -> [Int] { text(path).map { SystemFile.numbers($0) } ?? [] }

    /// The word in brackets of `always [madvise] never`.
    func choice(_ path: String) -> String? {
        guard let text = text(path), let start = text.firstIndex(of: "["),
            let end = text[start...].firstIndex(of: "]")
        else { return nil }
        return String(text[text.index(after: start)..<end])
    }

    /// The numbers of lines such as `MemTotal: 24689484 kB`, by their names.
    func fields(_ path: String) -> [String: Int] {
        var fields: [String: Int] = [:]
        for line in text(path)?.split(separator: "\n") ?? [] {
            let words = line.split(separator: " ")
            if words.count >= 2, let number = Int(words[1]) { fields[String(words[0])] = number }
        }
        return fields
    }

    /// The same of a file of this process's control group (v2), or of the one that is mounted.
    func fields(ofGroup name: String) -> [String: Int] {
        let group = text("proc/self/cgroup")?.split(separator: "\n").first { $0.hasPrefix("0::") }
        let path = group.map { String($0.dropFirst(3)) } ?? ""
        let own = path.contains("..") ? [:] : fields("sys/fs/cgroup\(path)/\(name)")
        return own.isEmpty ? fields("sys/fs/cgroup/\(name)") : own
    }
}
