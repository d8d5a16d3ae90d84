// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import Jobs
import Serving

/// Answers the requests of a file as fast as it can, and keeps nothing but how long it took.
struct BatchFileBench {
    /// What was measured.
    struct Result {
        let batch: StoredBatch
        let loadSeconds: Double
        let seconds: Double

        /// One object, as `--json` prints it.
        var json: JSONObject {
            let usage = batch.usage
            return [
                "phase": "batch file", "endpoint": .string(batch.order.endpoint),
                "load_seconds": .number(Self.rounded(loadSeconds)),
                "seconds": .number(Self.rounded(seconds)),
                "requests": .integer(batch.totalCount), "errors": .integer(batch.failedCount),
                "prompt_tokens": .integer(usage.promptTokens),
                "cached_tokens": .integer(usage.cachedTokens),
                "generated_tokens": .integer(usage.completionTokens),
                "requests_per_second": .number(rate(batch.doneCount)),
                "prompt_tokens_per_second": .number(rate(usage.promptTokens)),
                "generated_tokens_per_second": .number(rate(usage.completionTokens)),
            ]
        }

        /// The same for people.
        var lines: [String] {
            let usage = batch.usage
            return [
                "\(batch.totalCount) requests in \(Self.rounded(seconds)) s: "
                    + "\(rate(batch.doneCount)) requests/s, \(batch.failedCount) errors",
                "prompts: \(usage.promptTokens) tokens, \(usage.cachedTokens) of them cached: "
                    + "\(rate(usage.promptTokens)) tokens/s",
                "answers: \(usage.completionTokens) tokens: "
                    + "\(rate(usage.completionTokens)) tokens/s",
            ]
        }

        private func rate(_ count: Int) -> Double {
            Self.rounded(Double(count) / max(seconds, 1e-9))
        }

        private static func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
    }

    let path: String
    let model: String
    let compute: ComputeOptions
    /// The requests that are computed at the same time; nil: as many as a server computes.
    let maxSequences: Int?

    /// Loads the model and answers the file.
    ///
    /// - Throws: what is wrong with a line, where one is.
    func measure() async throws -> Result {
        LocalBatch.quietenLog()
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "cierzo-bench-\(UUID().uuidString)"
        ).path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let batch = try LocalBatch(of: BatchInput(path: path, endpoint: nil), in: folder)
        var assembly = compute.assembly
        if let maxSequences { assembly.maxSequences = maxSequences }
        let outcome = try await batch.answer(
            by: model, on: assembly, acceptsStale: compute.acceptsStale)
        if let fault = outcome.batch.faults.first {
            throw BatchProblem.fault(path, line: fault.line, fault.message)
        }
        guard outcome.batch.status == .completed else { throw BatchProblem.interrupted }
        return Result(
            batch: outcome.batch, loadSeconds: outcome.loadSeconds, seconds: outcome.seconds)
    }
}
