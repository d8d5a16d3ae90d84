// SPDX-License-Identifier: Apache-2.0

/// What a file is for.
package enum FilePurpose: String, CaseIterable, Sendable {
    /// The requests of a batch.
    case batch

    /// The answers of a batch.
    case batchOutput = "batch_output"

    /// The lines of a batch that were not answered.
    case batchErrors = "batch_error"
}

/// A file as its owner knows it; its bytes are beside it.
package struct StoredFile: Hashable, Sendable {
    /// Its identity, a UUID, which also names its bytes on disk.
    package let id: String

    /// Whose it is: who else asks for it does not find it.
    package let owner: String

    /// What its owner calls it; only a text, of any kind.
    package let name: String

    /// What it is for.
    package let purpose: FilePurpose

    /// Its length.
    package let byteCount: Int

    /// Its lines that are not empty.
    package let lineCount: Int

    /// When it was made, in seconds since 1970.
    package let createdAt: Int

    /// When it is deleted by itself; nil for never.
    package let expiresAt: Int?

    /// By what key it is encrypted; nil for none.
    let keyID: String?
}

/// Which files of an owner are asked for.
package struct FileSelection: Sendable {
    /// Files for that alone.
    package var purposes: [FilePurpose]?

    /// Files with that in their name, whatever the case of its ASCII letters.
    package var search: String?

    /// Whether the newest comes first.
    package var newestFirst = true

    /// The id of the file after which the page begins.
    package var after: String?

    /// How many of them are left out first.
    package var offset = 0

    /// The most files of the page.
    package var limit = 100

    /// All files, the newest first.
    package init() {}
}

/// Some files of those that were asked for.
package struct FilePage: Sendable {
    /// The files, in the order that was asked for.
    package let files: [StoredFile]

    /// Whether others follow.
    package let hasMore: Bool

    /// How many there are on all pages.
    package let total: Int
}
