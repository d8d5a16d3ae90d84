// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How many files and sockets the process may have open.
package enum DescriptorLimit {
    /// More than any server needs; beyond it a limit that is infinite stays as it was.
    private static let enough: rlim_t = 1 << 20

    /// Raises the soft limit, which is low for the sake of programs that use `select`, towards the
    /// hard one.
    ///
    /// - Returns: the limit that holds now.
    package static func raise() -> Int {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard unsafe getrlimit(resource, &limit) == 0 else { return 1_024 }
        let wanted = max(limit.rlim_cur, min(limit.rlim_max, enough))
        if wanted > limit.rlim_cur {
            var raised = rlimit(rlim_cur: wanted, rlim_max: limit.rlim_max)
            if unsafe setrlimit(resource, &raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }
}
