// SPDX-License-Identifier: Apache-2.0

import APIs
import Computation
import Parallelism
import Serving
import Sizing

/// What `cierzo doctor` finds, on the command line and in a server.
struct HostExamination {
    /// In the order in which people should read them.
    let findings: [HostFinding]

    /// What was measured; nil where nothing was to be.
    let peaks: Peaks?

    /// Looks at this machine.
    ///
    /// - Parameters:
    ///   - threadCount: how many measure; nil for as many as may compute.
    ///   - measures: whether to measure for some seconds.
    /// - Throws: where there is no memory for that, or the number of threads cannot be.
    init(threadCount: Int? = nil, measures: Bool) throws {
        let topology = ProcessorTopology.current()
        let threadCount = threadCount ?? topology.availableThreadCount
        guard (1...1024).contains(threadCount) else {
            throw EngineAssembly.Failure.threads(threadCount)
        }
        let report = HostReport(
            topology: topology, nodes: NUMATopology.current(),
            memoryByteCount: MachineMemory.byteCount(), limits: .current())
        guard measures else {
            findings = report.findings
            peaks = nil
            return
        }
        let began = StolenTime()
        let measured = try Peaks.measured(pool: ThreadPool(threadCount: threadCount))
        let stolen = began.flatMap { began in StolenTime()?.share(since: began) }
        findings =
            report.findings + measured.findings(threadCount: threadCount, stolenShare: stolen)
        peaks = measured
    }

    /// The same, as the API tells it.
    var told: MachineExamination {
        MachineExamination(
            findings: findings.map {
                MachineExamination.Finding(
                    subject: $0.subject, grade: $0.grade.rawValue, found: $0.found,
                    advice: $0.advice)
            },
            readBytesPerSecond: peaks.map { $0.readAll * 1e9 })
    }
}
