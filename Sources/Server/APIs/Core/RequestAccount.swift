// SPDX-License-Identifier: Apache-2.0

import Access

/// Where what a request consumes is counted.
struct RequestAccount: Sendable {
    /// Who asks.
    let caller: Caller

    /// What he asks.
    let family: AccessFamily

    /// Who counts.
    let access: AccessControl

    private func subject(_ model: String) -> UsageLedger.Subject {
        UsageLedger.Subject(
            key: caller.id, name: caller.name, model: model, family: family.rawValue)
    }

    /// Counts, and returns when that is in the file.
    func add(_ counts: UsageLedger.Counts, of model: String) async {
        await access.usage?.add(counts, of: subject(model))
    }

    /// Counts; nobody waits for it.
    func note(_ counts: UsageLedger.Counts, of model: String) {
        access.usage?.note(counts, of: subject(model))
    }
}
