// SPDX-License-Identifier: Apache-2.0

import Computation
package import Parallelism

extension ModelFile {
    /// The name under which a packed file embeds the metadata of a GGUF file.
    static let embeddedGGUFName = "model.gguf"
    /// The name under which a packed file embeds a manifest.
    static let embeddedManifestName = "manifest.json"

    /// Reads a model out of a packed file; where the files it was packed from have changed since,
    /// only if `acceptsStale`.
    static func contents(
        of file: PackedFile, acceptsStale: Bool
    ) throws(ModelFileError) -> Contents {
        if !acceptsStale, let change = file.header.source.change() {
            throw .stale(
                path: file.mapping.path,
                reason: "\(change); accept the packed file as it is with --accept-stale, or")
        }
        let stored = file.storedTensors
        var contents: Contents
        switch file.header.format {
        case .gguf:
            guard let bytes = file.embedded[embeddedGGUFName] else {
                throw .metadata(
                    path: file.mapping.path, key: "files", problem: "\(embeddedGGUFName) missing")
            }
            let metadata = try GGUFFile(
                mapping: MappedFile(bytes: bytes, path: file.mapping.path))
            _ = try ModelConfiguration.ggufArchitecture(
                metadata.metadata, path: file.mapping.path)
            contents = try Self.contents(of: metadata, stored: stored, naming: .mistral)
        case .huggingFace: contents = try huggingFaceContents(of: folder(file))
        case .mistral: contents = try mistralContents(of: folder(file))
        }
        contents.name = file.header.name
        contents.stored = stored
        contents.naming = .mistral
        contents.tied = file.header.isTied
        contents.packed = file
        return contents
    }

    private static func folder(_ file: PackedFile) -> ModelFolder {
        ModelFolder(path: file.mapping.path, embedded: file.embedded)
    }

    /// Brings all weights of a packed file into memory; others are left to whoever packs them.
    ///
    /// - Parameters:
    ///   - pool: the threads that do it.
    ///   - progress: receives the share that is done, from 0 to 1, on any of them.
    package func populate(using pool: ThreadPool, progress: @Sendable (Double) -> Void) {
        packed?.mapping.populate(using: pool, progress: progress)
    }

    /// What of a packed file's sources has changed since it was packed, in words, or nil.
    package var sourceChange: String? { packed?.header.source.change() }

    /// The manifest that was packed along.
    package var embeddedManifest: [UInt8]? { packed?.embedded[Self.embeddedManifestName] }
}
