// SPDX-License-Identifier: Apache-2.0

import Generation
import Sampling
import Scheduling

/// Where a request stands that is a line of a batch.
///
/// Everything in its answer that would be drawn, or depends on what else the server does, follows from
/// the place instead: a line that is answered again after a restart has the same bytes.
struct BatchPlace: Hashable, Sendable {
    /// The time that answers tell as their own: when the batch was made, in seconds since 1970.
    let unixTime: Int

    /// 32 hexadecimal digits that no other line has.
    let identity: String

    private let seed: UInt64

    /// The place of a line.
    ///
    /// - Parameters:
    ///   - index: the line's among those of the batch.
    ///   - batch: the identity of the batch.
    ///   - unixTime: when the batch was made.
    init(_ index: Int, of batch: String, at unixTime: Int) {
        self.unixTime = unixTime
        let digits = SHA256.digits(of: "line \(index) of the batch \(batch)")
        identity = String(digits.prefix(32))
        seed = UInt64(digits.suffix(16), radix: 16) ?? 0
    }

    /// Gives sampling a seed where the client gave none.
    func seed(_ requests: inout [GenerationRequest]) {
        for index in requests.indices where requests[index].sampling.seed == nil {
            requests[index].sampling.seed = seed &+ UInt64(index)
        }
    }

    /// What an answer tells of what was consumed: not what was found in the cache or guessed, for that
    /// depends on what ran before.
    func told(_ usage: Usage) -> Usage {
        var usage = usage
        usage.cachedPromptTokens = 0
        usage.cacheWriteTokens = 0
        usage.acceptedPredictionTokens = 0
        usage.rejectedPredictionTokens = 0
        usage.cacheDiagnosis = nil
        return usage
    }
}
