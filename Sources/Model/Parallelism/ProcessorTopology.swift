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

    /// Reads core numbers and control groups.
    ///
    /// - Parameters:
    ///   - affinity: the logical processors that may be used.
    ///   - root: a folder that stands for `/`; empty for the system itself.
    package init(affinity: [Int], root: String) {
        let affinity = affinity.isEmpty ? [0] : affinity.sorted()
        var cores: Set<[Int]> = []
        var processors: [Int] = []
        for processor in affinity {
            let folder = "\(root)/sys/devices/system/cpu/cpu\(processor)/topology"
            guard
                let package = SystemFile.text("\(folder)/physical_package_id").flatMap({ Int($0) }),
                let core = SystemFile.text("\(folder)/core_id").flatMap({ Int($0) })
            else {
                processors.append(processor)
                continue
            }
            if cores.insert([package, core]).inserted { processors.append(processor) }
        }
        self.affinity = affinity
        self.processors = processors
        quota = Self.quota(root: root)
    }

    /// The least quota of this process's control group and all above it, v2 or v1.
    private static func quota(root: String) -> Double? {
        var quotas: [Double] = []
        for line in SystemFile.text("\(root)/proc/self/cgroup")?.split(separator: "\n") ?? [] {
            let fields = line.split(
                separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            if fields[1].isEmpty {
                for group in groups(from: fields[2]) {
                    if let quota = quotaV2("\(root)/sys/fs/cgroup\(group)/cpu.max") {
                        quotas.append(quota)
                    }
                }
            } else if fields[1].split(separator: ",").contains("cpu") {
                for mount in ["cpu", "cpu,cpuacct"] {
                    for group in groups(from: fields[2]) {
                        if let quota = quotaV1("\(root)/sys/fs/cgroup/\(mount)\(group)") {
                            quotas.append(quota)
                        }
                    }
                }
            }
        }
        return quotas.min()
    }

    /// A control group's path and those of all groups around it; the outermost is empty.
    private static func groups(from path: Substring) -> [String] {
        // Inside a container the path may name a group that is not mounted; its own limit is then
        // found at the mount itself.
        var groups = [""]
        for name in path.split(separator: "/") where name != ".." {
            groups.append("\(groups[groups.count - 1])/\(name)")
        }
        return groups
    }

    private static func quotaV2(_ path: String) -> Double? {
        guard let fields = SystemFile.text(path)?.split(separator: " "), fields.count == 2,
            let quota = Double(fields[0]), let period = Double(fields[1]), quota > 0, period > 0
        else { return nil }
        return quota / period
    }

    private static func quotaV1(_ folder: String) -> Double? {
        guard let quota = SystemFile.text("\(folder)/cpu.cfs_quota_us").flatMap({ Double($0) }),
            let period = SystemFile.text("\(folder)/cpu.cfs_period_us").flatMap({ Double($0) }),
            quota > 0,
            period > 0
        else { return nil }
        return quota / period
    }
}
