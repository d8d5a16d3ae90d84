// SPDX-License-Identifier: Apache-2.0

import JSON

/// What is good and what is not about the machine, as `cierzo doctor` finds it.
package struct MachineExamination: Sendable {
    /// Something that decides how fast models are.
    package struct Finding: Sendable {
        /// What is looked at.
        package var subject: String
        /// `good`, `advice` or `problem`.
        package var grade: String
        /// What there is.
        package var found: String
        /// What to change; nil where nothing needs to be.
        package var advice: String?

        /// A finding.
        package init(subject: String, grade: String, found: String, advice: String?) {
            self.subject = subject
            self.grade = grade
            self.found = found
            self.advice = advice
        }
    }

    /// In the order in which people should read them.
    package var findings: [Finding]

    /// What the memory gives to all threads together; nil where it was not measured.
    package var readBytesPerSecond: Double?

    /// What was found.
    package init(findings: [Finding] = [], readBytesPerSecond: Double? = nil) {
        self.findings = findings
        self.readBytesPerSecond = readBytesPerSecond
    }

    var json: JSONValue {
        [
            "object": "machine.examination",
            "findings": .array(
                findings.map { finding in
                    [
                        "subject": .string(finding.subject), "grade": .string(finding.grade),
                        "found": .string(finding.found),
                        "advice": finding.advice.map { .string($0) } ?? .null,
                    ]
                }),
            "read_bytes_per_second": readBytesPerSecond.map { .integer(Int($0)) } ?? .null,
        ]
    }
}
