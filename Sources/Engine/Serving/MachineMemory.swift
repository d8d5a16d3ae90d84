// SPDX-License-Identifier: Apache-2.0

import Foundation

/// How much memory this process may use.
package enum MachineMemory {
    /// Bytes: the smaller of the machine's memory and the control group's `memory.max`.
    package static func byteCount() -> Int {
        let machine = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        return min(machine, controlGroupLimit() ?? machine)
    }

    /// `memory.max` of the innermost control group that sets one, or nil.
    private static func controlGroupLimit() -> Int? {
        var limits: [Int] = []
        let membership = (try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8)) ?? ""
        for line in membership.split(separator: "\n") where line.hasPrefix("0::") {
            var folder = "/sys/fs/cgroup" + line.dropFirst(3)
            while folder.hasPrefix("/sys/fs/cgroup") {
                let text = try? String(contentsOfFile: folder + "/memory.max", encoding: .utf8)
                if let limit = text.flatMap({
                    Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
                }) {
                    limits.append(limit)
                }
                folder = String(folder[..<(folder.lastIndex(of: "/") ?? folder.startIndex)])
            }
        }
        let old = try? String(
            contentsOfFile: "/sys/fs/cgroup/memory/memory.limit_in_bytes", encoding: .utf8)
        if let limit = old.flatMap({ Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }) {
            limits.append(limit)
        }
        return limits.min()
    }
}
