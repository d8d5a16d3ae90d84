// SPDX-License-Identifier: Apache-2.0

/// Something about this machine that decides how fast models are on it, or whether they run at all.
package struct HostFinding: Sendable, Equatable {
    /// How much it matters.
    package enum Grade: String, Sendable, CaseIterable {
        /// As it should be.
        case good
        /// It could be better.
        case advice
        /// It costs much of the speed, or will end in an error.
        case problem
    }

    /// What is looked at.
    package let subject: String
    package let grade: Grade
    /// What there is.
    package let found: String
    /// What to change, and how; nil where nothing needs to be.
    package let advice: String?

    /// What is as it should be.
    init(_ subject: String, _ found: String) {
        self.init(subject, .good, found, advice: nil)
    }

    init(_ subject: String, _ grade: Grade, _ found: String, advice: String?) {
        self.subject = subject
        self.grade = grade
        self.found = found
        self.advice = advice
    }
}
