// SPDX-License-Identifier: Apache-2.0

extension Scheduler {
    /// When a waiting sequence gets its blocks.
    package enum Admission: Hashable, Sendable {
        /// When its present tokens fit and the running sequences can each still grow by a block.
        ///
        /// If blocks run out later, a sequence of the lowest class is preempted: the youngest of a
        /// client with more than its part of the places, or else the youngest of all. Sequences are
        /// also preempted so that another client gets its part.
        case optimistic

        /// When everything that it and the running sequences may ever need fits; nothing is
        /// preempted then.
        case worstCase
    }

    /// The limits that a scheduler keeps.
    package struct Configuration: Hashable, Sendable {
        /// The most tokens of a step.
        package let maxBatchTokens: Int

        /// The most logits rows of a step; at least `maxSequences`.
        package let maxLogitsRows: Int

        /// The most sequences with blocks; fewer than `maxBatchTokens`.
        package let maxSequences: Int

        /// The most sequences that wait besides those, the background aside: that is bounded by whoever
        /// submits it.
        package let maxQueuedSequences: Int

        /// The number of KV blocks.
        package let blockCount: Int

        /// The number of positions in a block.
        package let positionsPerBlock: Int

        /// The most prompt tokens of a step while nothing is being decoded.
        package let prefillChunkTokens: Int

        /// The most prompt tokens of a step while something is being decoded.
        package let prefillChunkTokensWhileDecoding: Int

        /// So many prompt tokens for each sequence that decodes are never too many: a step with
        /// many of them is long anyway, and prompts must keep up.
        package let prefillTokensPerDecode: Int

        /// How many tokens a prompt gets before the next turn is given.
        package let prefillQuantumTokens: Int

        /// Every so many turns of a client, the prompt that is due first gets it instead of the one
        /// nearest to its end.
        package let turnsPerOldest: Int

        /// When a waiting sequence gets its blocks.
        package let admission: Admission

        /// Whether prefixes are found again.
        package let cachesPrefixes: Bool

        /// What the names of prefixes descend from, by which they are known outside of the process;
        /// nil: they have none.
        package let prefixRoot: PrefixName?

        /// A token sees so many positions, its own included; nil for all.
        package let attentionWindow: Int?

        /// How many states a model has room for that keeps one of each sequence: at least
        /// `maxSequences`, and the others for what prefixes leave behind; 0: it keeps none.
        package let stateCount: Int

        /// Every so many positions the state of a sequence is kept, if there is room.
        package let checkpointSpacing: Int

        /// A state is not kept nearer than so many tokens to the last one that is: to compute them
        /// again costs less.
        package let leastCheckpointTokens: Int

        /// How long a sequence without a deadline may be overtaken by those with one.
        package let patience: Duration

        /// So long after somebody had a sequence, the background takes small parts of prompts only:
        /// who comes back waits for the step that is being computed.
        package let courtesy: Duration

        /// The work of a generated token, where that of a prompt token is 1.
        package let decodeWork: Double

        /// Creates limits.
        package init(
            maxBatchTokens: Int = 512, maxLogitsRows: Int = 64, maxSequences: Int = 64,
            maxQueuedSequences: Int = 256, blockCount: Int, positionsPerBlock: Int = 16,
            prefillChunkTokens: Int = 256, prefillChunkTokensWhileDecoding: Int = 64,
            prefillQuantumTokens: Int = 64, turnsPerOldest: Int = 4,
            prefillTokensPerDecode: Int = 3, admission: Admission = .optimistic,
            cachesPrefixes: Bool = true, prefixRoot: PrefixName? = nil, attentionWindow: Int? = nil,
            stateCount: Int = 0, checkpointSpacing: Int = 1024, leastCheckpointTokens: Int = 64,
            patience: Duration = .seconds(60), courtesy: Duration = .seconds(10),
            decodeWork: Double = 3
        ) {
            precondition(maxSequences >= 1 && maxQueuedSequences >= 0, "\(maxSequences) sequences")
            precondition(maxBatchTokens > maxSequences, "\(maxBatchTokens) tokens in a batch")
            precondition(maxLogitsRows >= maxSequences, "\(maxLogitsRows) rows of logits")
            precondition(blockCount >= 1 && positionsPerBlock >= 1, "\(blockCount) blocks")
            precondition(
                prefillChunkTokens >= 1 && prefillChunkTokensWhileDecoding >= 1
                    && prefillQuantumTokens >= 1 && turnsPerOldest >= 1, "no tokens in a chunk")
            precondition(
                stateCount == 0 || stateCount >= maxSequences && prefixRoot == nil,
                "\(stateCount) states for \(maxSequences) sequences, or names of prefixes")
            precondition(
                checkpointSpacing >= 1 && leastCheckpointTokens >= 1, "no tokens between states")
            self.maxBatchTokens = maxBatchTokens
            self.maxLogitsRows = maxLogitsRows
            self.maxSequences = maxSequences
            self.maxQueuedSequences = maxQueuedSequences
            self.blockCount = blockCount
            self.positionsPerBlock = positionsPerBlock
            self.prefillChunkTokens = prefillChunkTokens
            self.prefillChunkTokensWhileDecoding = prefillChunkTokensWhileDecoding
            self.prefillQuantumTokens = prefillQuantumTokens
            self.turnsPerOldest = turnsPerOldest
            self.prefillTokensPerDecode = prefillTokensPerDecode
            self.admission = admission
            self.cachesPrefixes = cachesPrefixes
            self.prefixRoot = prefixRoot
            self.attentionWindow = attentionWindow
            self.stateCount = stateCount
            self.checkpointSpacing = checkpointSpacing
            self.leastCheckpointTokens = leastCheckpointTokens
            self.patience = patience
            self.courtesy = courtesy
            self.decodeWork = decodeWork
        }

        /// The number of blocks that hold this many positions.
        func blocks(for positions: Int) -> Int {
            (positions + positionsPerBlock - 1) / positionsPerBlock
        }
    }
}
