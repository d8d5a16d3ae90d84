// SPDX-License-Identifier: Apache-2.0

import CFiles
import Foundation
import Glibc
import JSON

/// Brings a model of a hub into a folder of manifests, such as `models/`: its files below `weights/`,
/// and a manifest that names them.
package struct ModelPull {
    /// How far it is.
    package struct Progress: Sendable {
        /// The file that is worked on.
        package let file: String
        /// Whether its bytes are read again to compare them with the digest.
        package let isChecking: Bool
        /// Of all files: what is there, and what will be.
        package let doneByteCount: Int
        package let byteCount: Int
    }

    /// What there is now.
    package struct Result: Sendable {
        /// The path of the manifest, and whether it was written just now.
        package let manifest: String
        package let isNew: Bool
        /// The path of the model.
        package let weights: String
        /// The bytes that were there before.
        package let keptByteCount: Int
    }

    private let hub: ModelHub
    private let folder: String
    private let replaces: Bool

    /// Prepares; nothing is asked yet.
    ///
    /// - Parameters:
    ///   - hub: where the model is.
    ///   - folder: of manifests; it has to be there.
    ///   - replaces: whether files of other content go away.
    package init(from hub: ModelHub, into folder: String, replaces: Bool) {
        self.hub = hub
        self.folder = folder
        self.replaces = replaces
    }

    /// Fetches a model.
    ///
    /// - Parameters:
    ///   - variant: of the repository.
    ///   - repository: of the hub.
    ///   - patience: what to do when the connection breaks.
    ///   - progress: is told again and again.
    /// - Returns: what there is now.
    /// - Throws: the first thing that is in the way.
    package func run(
        _ variant: ModelVariant, of repository: ModelRepository, patience: Patience,
        progress: @escaping (Progress) -> Void
    ) throws(DownloadError) -> Result {
        let weights = folder + "/weights"
        try makeFolder(weights, parents: true)
        try checkSpace(for: variant, in: weights)
        let byteCount = variant.byteCount
        var doneByteCount = 0
        var keptByteCount = 0
        for file in variant.files {
            let place = variant.place(of: file)
            for count in 1..<place.count {
                try makeFolder(([weights] + place[..<count]).joined(separator: "/"))
            }
            let before = doneByteCount
            let outcome = try FileDownload(
                file: file, address: hub.address(of: file, in: repository),
                target: ([weights] + place).joined(separator: "/"), replaces: replaces
            ).run(with: hub.client, patience) { stage in
                let (count, isChecking) =
                    switch stage {
                    case .fetching(let count): (count, false)
                    case .checking(let count): (count, true)
                    }
                progress(
                    Progress(
                        file: file.text, isChecking: isChecking, doneByteCount: before + count,
                        byteCount: byteCount))
            }
            if outcome == .wasThere { keptByteCount += file.byteCount }
            doneByteCount += file.byteCount
        }
        let manifest = PulledManifest(variant, of: repository, from: hub.address.description)
        let (path, isNew) = try manifest.write(into: folder)
        return Result(
            manifest: path, isNew: isNew, weights: weights + "/" + variant.place,
            keptByteCount: keptByteCount)
    }

    private func makeFolder(_ path: String, parents: Bool = false) throws(DownloadError) {
        var status = stat()
        if unsafe stat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFDIR else {
                throw .unwritable(path: path, reason: "this is no folder")
            }
            return
        }
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: parents)
        } catch {
            throw .unwritable(path: path, reason: "cannot create the folder")
        }
    }

    /// Checks that the disk has room for what is missing.
    private func checkSpace(
        for variant: ModelVariant, in weights: String
    ) throws(DownloadError) {
        var needed = 0
        for file in variant.files {
            let target = ([weights] + variant.place(of: file)).joined(separator: "/")
            var status = stat()
            let isThere = unsafe stat(target, &status) == 0
            if isThere, Int(status.st_size) == file.byteCount { continue }
            let missing = max(0, file.byteCount - PartialFile.byteCount(of: target))
            let (sum, overflow) = needed.addingReportingOverflow(missing)
            needed = overflow ? .max : sum
        }
        var space = statvfs()
        guard unsafe statvfs(weights, &space) == 0 else { return }
        let (free, overflow) = Int(clamping: space.f_bavail).multipliedReportingOverflow(
            by: Int(clamping: space.f_frsize))
        guard overflow || needed <= free else {
            throw .noSpace(folder: weights, neededByteCount: needed, freeByteCount: free)
        }
    }
}
