// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Computation
import Foundation
import JSON
import Sizing

struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look at this machine: what slows models down on it, and what to change.",
        discussion: """
            Looks at processors, control groups, memory and its nodes, huge pages, limits and \
            frequencies, and measures for some seconds how fast memory is read and numbers are \
            multiplied; those two bound every model. Run it as the service is run (its user, its \
            unit or container), and while nothing else computes. It changes nothing.

              cierzo doctor
              cierzo doctor --json | jq '.findings[] | select(.grade != "good")'

            The exit code is 0 if nothing is a problem, else 2; advice is none.
            """)

    @Flag(help: "Measure nothing.") var quick = false
    @Option(help: "Threads that measure. Default: what affinity and the cgroup quota allow.")
    var threads: Int?
    @Flag(help: "One JSON object on stdout.") var json = false

    func run() throws {
        let findings: [HostFinding]
        do {
            let found = try HostExamination(threadCount: threads, measures: !quick)
            findings = found.findings
            try json ? showJSON(findings, found.peaks) : showText(findings)
        } catch {
            throw failure(error)
        }
        if findings.contains(where: { $0.grade == .problem }) { throw ExitCode(2) }
    }

    private func showText(_ findings: [HostFinding]) throws {
        for finding in findings {
            let mark =
                switch finding.grade {
                case .good: "ok      "
                case .advice: "advice  "
                case .problem: "PROBLEM "
                }
            try printLine(
                mark + finding.subject.padding(toLength: 18, withPad: " ", startingAt: 0)
                    + finding.found)
            if let advice = finding.advice {
                try printLine(String(repeating: " ", count: 26) + advice)
            }
        }
    }

    private func showJSON(_ findings: [HostFinding], _ peaks: Peaks?) throws {
        var object = JSONObject()
        object["findings"] = .array(
            findings.map { finding in
                var entry = JSONObject()
                entry["subject"] = .string(finding.subject)
                entry["grade"] = .string(finding.grade.rawValue)
                entry["found"] = .string(finding.found)
                if let advice = finding.advice { entry["advice"] = .string(advice) }
                return .object(entry)
            })
        if let peaks {
            object["measured"] = .object([
                "read_gbps": .number(peaks.readAll), "read_gbps_1": .number(peaks.readOne),
                "int8_gops": .number(peaks.int8), "bf16_gops": .number(peaks.bf16),
                "f32_gops": .number(peaks.f32),
            ])
        }
        try printLine(JSONValue.object(object).serialized(.pretty))
    }
}
