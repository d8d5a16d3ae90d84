// SPDX-License-Identifier: Apache-2.0

extension GenerationEngine {
    /// The limits that the engine keeps.
    package struct Configuration: Hashable, Sendable {
        /// What metrics call its model.
        package var modelName = ""

        /// Whether next tokens are guessed where that saves time; answers are the same either way.
        package var drafts = false

        /// The most sequences that have KV blocks at the same time.
        package let maxSequences: Int

        /// The most sequences that wait besides; a request beyond them is refused as overload.
        package let maxQueuedSequences: Int

        /// The most positions of a sequence; nil for what the model and its KV blocks allow.
        package let contextLength: Int?

        /// The most prompt tokens of a step while nothing is being decoded.
        package let prefillChunkTokens: Int

        /// The most prompt tokens of a step while something is being decoded.
        package let prefillChunkTokensWhileDecoding: Int

        /// The most choices of a request (`n`).
        package let maxChoices: Int

        /// The most alternatives of a token's log probabilities.
        package let maxTopLogprobs: Int

        /// The most bytes of a request's stop strings together.
        package let maxStopBytes: Int

        /// Creates limits.
        package init(
            maxSequences: Int = 64, maxQueuedSequences: Int = 256, contextLength: Int? = nil,
            prefillChunkTokens: Int = 256, prefillChunkTokensWhileDecoding: Int = 64,
            maxChoices: Int = 64, maxTopLogprobs: Int = 100, maxStopBytes: Int = 16_384
        ) {
            self.maxSequences = maxSequences
            self.maxQueuedSequences = maxQueuedSequences
            self.contextLength = contextLength
            self.prefillChunkTokens = prefillChunkTokens
            self.prefillChunkTokensWhileDecoding = prefillChunkTokensWhileDecoding
            self.maxChoices = maxChoices
            self.maxTopLogprobs = maxTopLogprobs
            self.maxStopBytes = maxStopBytes
        }

        /// Checks every limit.
        ///
        /// - Returns: the configuration itself.
        /// - Throws: `ConfigurationError`, which names the limit.
        package func validated() throws(ConfigurationError) -> Configuration {
            let limits = [
                ("maxSequences", maxSequences, 1), ("maxQueuedSequences", maxQueuedSequences, 0),
                ("contextLength", contextLength ?? 2, 2),
                ("prefillChunkTokens", prefillChunkTokens, 1),
                ("prefillChunkTokensWhileDecoding", prefillChunkTokensWhileDecoding, 1),
                ("maxChoices", maxChoices, 1), ("maxTopLogprobs", maxTopLogprobs, 0),
                ("maxStopBytes", maxStopBytes, 0),
            ]
            for (name, value, least) in limits where value < least || value > 1 << 31 {
                throw ConfigurationError(name: name, value: value, least: least)
            }
            return self
        }
    }

    /// A limit that the engine cannot keep.
    package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
        /// The limit, as `Configuration` spells it.
        package let name: String

        /// What it was set to.
        package let value: Int

        /// The least that it may be.
        package let least: Int

        /// One line that names the limit.
        package var description: String {
            "\(name): \(value) is not from \(least) to \(1 << 31)"
        }
    }
}
