// SPDX-License-Identifier: Apache-2.0

internal import Inference
internal import Logging
internal import Scheduling

extension GenerationEngine.Loop {
    /// One step of everything that runs: schedule → forward → sample → commit.
    ///
    /// A failure ends the choices that it concerns, never the engine.
    func step() {
        var times = StepTimes()
        scheduler.schedule(into: &scheduled, at: times.start)
        noteAdmissions(at: times.start)
        endExpired()
        if scheduled.slices.isEmpty { return publish() }
        for copy in scheduled.copies {
            model.copyBlock(from: Int(copy.source), to: Int(copy.destination))
        }
        for slice in scheduled.slices { appendToBatch(slice) }

        times.scheduled = .now
        var failure: String?
        do {
            try model.forward(step: batch)
        } catch {
            failure = "the model could not compute this step: \(error)"
            logger.error("a step failed", metadata: ["error": "\(error)"])
        }

        times.computed = .now
        var row = 0
        for slice in scheduled.slices {
            outcomes.append(failure.map { fail(slice, $0) } ?? complete(slice, firstRow: row))
            row += slice.logitsRowCount
        }
        scheduler.commit(scheduled, outcomes: outcomes)

        outcomes.removeAll(keepingCapacity: true)
        batch.tokens.removeAll(keepingCapacity: true)
        // The batch must not hold the block tables, or the scheduler would copy them to grow them.
        batch.slices.removeAll(keepingCapacity: true)
        times.end = .now
        noteStep(times)
        publish()
    }

    private func appendToBatch(_ slice: ScheduledStep.Slice) {
        let rows: LogitsRows =
            switch slice.logits {
            case .none: .none
            case .last: .last
            case .all: .all
            }
        batch.slices.append(
            SequenceSlice(
                firstToken: batch.tokens.count, tokenCount: slice.tokenCount,
                startPosition: slice.startPosition, blockTable: scheduler.blockTable(of: slice),
                logitsRows: rows))
        batch.tokens += scheduler.tokens(of: slice)
    }
}

extension ScheduledStep.Slice {
    /// The number of logits rows that the slice has in the model's output.
    var logitsRowCount: Int {
        switch logits {
        case .none: 0
        case .last: 1
        case .all: tokenCount
        }
    }
}
