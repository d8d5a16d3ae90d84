// SPDX-License-Identifier: Apache-2.0

/// How much is kept.
package struct FileLimits: Hashable, Sendable {
    /// The largest file.
    package var maxFileByteCount = 512 << 20

    /// The bytes of all files of an owner.
    package var maxByteCountPerOwner = 10 << 30

    /// The files of an owner.
    package var maxCountPerOwner = 1_000

    /// The bytes of all files.
    package var maxByteCount = 100 << 30

    /// How long a file is kept that says nothing of it; nil for as long as nobody deletes it.
    package var maxAge: Duration?

    /// What uploads leave free of the disk, for everything else that is on it.
    package var freeByteCount = 256 << 20

    /// The limits of a server whose operator says nothing.
    package init() {}
}
