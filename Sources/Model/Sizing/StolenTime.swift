// SPDX-License-Identifier: Apache-2.0

import Parallelism

/// How much of the processors' time a hypervisor has given to other machines.
package struct StolenTime: Sendable {
    private let stolen: Int
    private let all: Int

    /// What has been counted until now; nil where the system does not count.
    ///
    /// - Parameter root: a folder that stands for `/`; empty for the system itself.
    package init?(root: String = "") {
        guard let line = SystemFile.text("\(root)/proc/stat")?.split(separator: "\n").first,
            line.hasPrefix("cpu ")
        else { return nil }
        let counts = line.split(separator: " ").dropFirst().prefix(8).compactMap { Int($0) }
        guard counts.count == 8 else { return nil }
        stolen = counts[7]
        all = counts.reduce(0) { $0 &+ $1 }
    }

    /// The share since an earlier time.
    package func share(since earlier: StolenTime) -> Double? {
        guard all > earlier.all, stolen >= earlier.stolen else { return nil }
        return Double(stolen - earlier.stolen) / Double(all - earlier.all)
    }
}
