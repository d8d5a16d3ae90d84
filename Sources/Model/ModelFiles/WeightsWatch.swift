// SPDX-License-Identifier: Apache-2.0

package import Computation
import Synchronization

/// Notices that a file of weights changes while it is being served.
///
/// A file that was replaced by renaming does not matter, for the mapping keeps the old one; one that
/// somebody copies another file over loses its old bytes, though no read fails.
package final class WeightsWatch: Sendable {
    private let model: ModelFile
    private let files: [MappedFile]
    private let digest: UInt64
    /// What was last seen of each file.
    private let seen: Mutex<[MappedFile.DiskState]>

    /// Watches the files of a model.
    ///
    /// - Parameters:
    ///   - model: the model, whose files are whole.
    ///   - files: those that are still read.
    package init(_ model: ModelFile, files: [MappedFile]) {
        self.model = model
        self.files = files
        digest = model.digestOfBytes()
        seen = Mutex(files.map { _ in .same })
    }

    /// The file that was lost, if one was.
    package var lost: MappedFile? {
        guard MappedFile.isAnyLost else { return nil }
        return files.first(where: \.isLost)
    }

    /// Looks at the files' sizes and times, and at the bytes of one that was written to.
    package func look() {
        for (index, file) in files.enumerated() where !file.isLost {
            let state = file.stateOnDisk()
            let isNew = seen.withLock { seen in
                defer { seen[index] = state }
                return seen[index] != state
            }
            guard isNew else { continue }
            switch state {
            case .same, .detached: break
            case .short: file.markLost()
            // Touching a file does no harm.
            case .written: if model.digestOfBytes() != digest { file.markLost() }
            }
        }
    }
}
