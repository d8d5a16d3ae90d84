// SPDX-License-Identifier: Apache-2.0

internal import Foundation

extension PrometheusText {
    /// Writes what every Prometheus client tells of its process, under the usual names.
    ///
    /// - Parameter root: where `proc` is, for tests; what cannot be read there is left out.
    package mutating func appendProcess(root: String = "") {
        let folder = root + "/proc/self/"
        // Pages: all, resident, shared, …
        let pages = (try? String(contentsOfFile: folder + "statm", encoding: .utf8))?
            .split(separator: " ").compactMap { Int($0) }
        if let pages, pages.count > 1 {
            append(
                "process_resident_memory_bytes", Double(pages[1] * sysconf(Int32(_SC_PAGESIZE))),
                help: "Resident memory, mapped weights included.")
        }
        if let files = try? FileManager.default.contentsOfDirectory(atPath: folder + "fd") {
            append("process_open_fds", Double(files.count), help: "Open file descriptors.")
        }
        var usage = rusage()
        guard unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return }
        func seconds(_ time: timeval) -> Double {
            Double(time.tv_sec) + Double(time.tv_usec) / 1e6
        }
        append(
            "process_cpu_seconds_total", seconds(usage.ru_utime) + seconds(usage.ru_stime),
            isCounter: true, help: "Processor time of all threads.")
    }
}
