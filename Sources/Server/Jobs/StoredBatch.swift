// SPDX-License-Identifier: Apache-2.0

package import JSON

/// How far a batch is.
package enum BatchStatus: String, CaseIterable, Sendable {
    /// Its lines are being read.
    case validating
    /// Its lines are being answered.
    case inProgress = "in_progress"
    /// Its files are being written.
    case finalizing
    /// All lines have an answer or an error.
    case completed
    /// It could not be done.
    case failed
    /// Its time was over before all was answered; what there is is in its files.
    case expired
    /// It is about to end, as its owner wants.
    case cancelling
    /// It ended as its owner wanted; what there is is in its files.
    case cancelled

    /// Whether nothing happens to it any more.
    package var isFinal: Bool {
        switch self {
        case .completed, .failed, .expired, .cancelled: true
        case .validating, .inProgress, .finalizing, .cancelling: false
        }
    }
}

/// The tokens of a batch's answers.
package struct BatchUsage: Hashable, Sendable {
    /// Those of prompts.
    package var promptTokens = 0

    /// Those of them that were found in the cache.
    package var cachedTokens = 0

    /// Those of answers.
    package var completionTokens = 0

    /// Those of them that are thoughts.
    package var thinkingTokens = 0

    /// None.
    package init() {}

    /// Adds others.
    package static func += (left: inout BatchUsage, right: BatchUsage) {
        left.promptTokens += right.promptTokens
        left.cachedTokens += right.cachedTokens
        left.completionTokens += right.completionTokens
        left.thinkingTokens += right.thinkingTokens
    }
}

/// What somebody wants to be done.
package struct BatchOrder: Hashable, Sendable {
    /// Whose it is.
    package var owner: String

    /// The key that asks for it, by whose limits its lines are answered.
    package var keyID: String

    /// The dialect in which lines are read and answered.
    package var dialect: String

    /// Whether lines may be Mistral's, which leave out what the batch says.
    package var isMistral: Bool

    /// The path that all lines ask.
    package var endpoint: String

    /// The model of lines that name none; once they have been read, the one that all of them name.
    package var model: String?

    /// The files of its lines, at least one.
    package var inputFiles: [String]

    /// How its client names the time that it has, and how many seconds that is.
    package var window: String
    package var windowSeconds: Int

    /// What its client keeps with it.
    package var metadata: JSONObject?

    /// How long the files of its answers are kept; nil for as long as the operator says.
    package var outputSeconds: Int?

    /// An order.
    package init(
        owner: String, keyID: String, dialect: String, isMistral: Bool, endpoint: String,
        model: String? = nil, inputFiles: [String], window: String, windowSeconds: Int,
        metadata: JSONObject? = nil, outputSeconds: Int? = nil
    ) {
        self.owner = owner
        self.keyID = keyID
        self.dialect = dialect
        self.isMistral = isMistral
        self.endpoint = endpoint
        self.model = model
        self.inputFiles = inputFiles
        self.window = window
        self.windowSeconds = windowSeconds
        self.metadata = metadata
        self.outputSeconds = outputSeconds
    }
}

/// A batch as its owner knows it.
package struct StoredBatch: Hashable, Sendable {
    /// Its identity, a UUID.
    package let id: String

    /// What is to be done.
    package internal(set) var order: BatchOrder

    /// How far it is.
    package internal(set) var status = BatchStatus.validating

    /// What is wrong with it.
    package internal(set) var faults: [BatchFault] = []

    /// Its lines: all, those with an answer, those with an error.
    package internal(set) var totalCount = 0
    package internal(set) var completedCount = 0
    package internal(set) var failedCount = 0

    /// The tokens of all answers.
    package internal(set) var usage = BatchUsage()

    /// When it was made, and when its time is over, in seconds since 1970.
    package let createdAt: Int
    package let expiresAt: Int

    /// When it got so far.
    package internal(set) var times: [BatchStatus: Int] = [:]

    /// The files of answers and of errors; nil where there are none.
    package internal(set) var outputFile: String?
    package internal(set) var errorFile: String?

    /// How it ends once its files are written.
    var ending: BatchStatus?

    /// How much of its work file counts.
    var workByteCount = 0

    /// The lines that have an answer or an error.
    package var doneCount: Int { completedCount + failedCount }

    /// What its lines must be.
    var form: BatchForm {
        BatchForm(endpoint: order.endpoint, model: order.model, isMistral: order.isMistral)
    }

    /// The names of its files.
    var outputFileID: String { Self.fileID(of: id, 1) }
    var errorFileID: String { Self.fileID(of: id, 2) }

    /// An id that depends on the batch's alone, so that a file is not made twice: the batch's, with
    /// another last digit.
    private static func fileID(of id: String, _ difference: Int) -> String {
        let last = id.last.flatMap { Int(String($0), radix: 16) } ?? 0
        return id.dropLast() + String((last + difference) % 16, radix: 16)
    }
}

/// Which batches of an owner are asked for.
package struct BatchSelection: Sendable {
    /// Those of that status alone; nil for all.
    package var statuses: [BatchStatus]?

    /// Those with that model alone.
    package var model: String?

    /// Those made after that time alone, in seconds since 1970.
    package var createdAfter: Int?

    /// Whether the newest comes first.
    package var newestFirst = true

    /// The id of the batch after which the page begins.
    package var after: String?

    /// How many are left out first.
    package var offset = 0

    /// The most of the page.
    package var limit = 20

    /// All, the newest first.
    package init() {}
}

/// Some batches of those that were asked for.
package struct BatchPage: Sendable {
    /// The batches, in the order that was asked for.
    package let batches: [StoredBatch]

    /// Whether others follow.
    package let hasMore: Bool

    /// How many there are on all pages.
    package let total: Int
}
