// SPDX-License-Identifier: Apache-2.0

package import Tokenization

extension GenerationEngine {
    /// What a request may ask of an engine: known before the engine's model is in memory.
    package struct Limits: Sendable {
        /// The most tokens of a prompt and its answer together.
        package let contextLength: Int

        /// The number of ids that a prompt may use.
        package let vocabularyCount: Int

        /// The most sequences that run at the same time.
        package let maxSequences: Int

        /// The limits that the engine keeps.
        let configuration: Configuration

        let tokenizer: any Tokenizer

        /// Whether it makes vectors or scores of whole texts, and answers nothing.
        let isEncoder: Bool

        /// The limits of an engine.
        ///
        /// - Parameters:
        ///   - configuration: what it was told.
        ///   - tokenizer: the model's vocabulary.
        ///   - vocabularyCount: the number of logits in a row.
        ///   - contextLength: the most positions that the model was made for.
        ///   - positionCount: how many the KV cache holds.
        ///   - maxLogitsRows: of a step of the model.
        ///   - maxBatchTokens: of a step of the model.
        ///   - stateCount: how many states the model has room for, of which half are for sequences
        ///     and half to go on from; 0: it keeps none.
        package init(
            _ configuration: Configuration, tokenizer: any Tokenizer, vocabularyCount: Int,
            contextLength: Int, positionCount: Int, maxLogitsRows: Int, maxBatchTokens: Int,
            stateCount: Int = 0
        ) {
            self.contextLength = min(
                contextLength, positionCount, configuration.contextLength ?? positionCount)
            self.vocabularyCount = vocabularyCount
            maxSequences = min(
                configuration.maxSequences, maxLogitsRows, maxBatchTokens - 1,
                stateCount > 0 ? (stateCount + 1) / 2 : .max)
            self.configuration = configuration
            self.tokenizer = tokenizer
            isEncoder = false
        }

        /// The limits of an engine that makes vectors or scores of whole texts.
        ///
        /// - Parameters:
        ///   - configuration: what it was told.
        ///   - tokenizer: the model's vocabulary.
        ///   - vocabularyCount: the number of ids.
        ///   - maxTokenCount: the most tokens of a text.
        package init(
            encoder configuration: Configuration, tokenizer: any Tokenizer, vocabularyCount: Int,
            maxTokenCount: Int
        ) {
            contextLength = min(maxTokenCount, configuration.contextLength ?? maxTokenCount)
            self.vocabularyCount = vocabularyCount
            maxSequences = configuration.maxSequences
            self.configuration = configuration
            self.tokenizer = tokenizer
            isEncoder = true
        }

        /// Checks every field, so that the engine's thread never meets a request that it cannot run.
        package func validate(_ request: GenerationRequest) throws(SubmissionError) {
            try RequestValidation(
                contextLength: contextLength, vocabularyCount: vocabularyCount,
                maxChoices: min(configuration.maxChoices, maxSequences),
                configuration: configuration, tokenizer: tokenizer, isEncoder: isEncoder
            ).check(request)
        }

        /// The most sequences that run or wait.
        package var maxOutstanding: Int { maxSequences + configuration.maxQueuedSequences }
    }
}
