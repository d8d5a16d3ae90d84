// SPDX-License-Identifier: Apache-2.0

/// A model's repository at one commit: all its files, and what of them is a model.
package struct ModelRepository: Sendable {
    /// `OWNER/NAME`.
    package let name: String
    /// The commit; every file is fetched at it, whatever is pushed meanwhile.
    package let commit: String
    package let license: String?
    package let files: [RepositoryFile]

    /// A repository, of the hub or a test.
    package init(name: String, commit: String, license: String?, files: [RepositoryFile]) {
        self.name = name
        self.commit = commit
        self.license = license
        self.files = files
    }

    /// What comes after the owner.
    package var shortName: String { name.split(separator: "/").last.map(String.init) ?? name }

    /// Every model that is in it: GGUF files, of which some are split, and the folder's own weights.
    package var variants: [ModelVariant] {
        ModelVariant.splitting(files) + (ModelVariant(folder: self).map { [$0] } ?? [])
    }

    /// The one that an operator asks for.
    ///
    /// - Parameters:
    ///   - file: the path or name of a file of it, or nil.
    ///   - type: the type of its weights, as its file is called, or nil.
    /// - Returns: the only one that it can be.
    /// - Throws: where it is none or several, with a list of what there is.
    package func variant(file: String?, type: String?) throws(DownloadError) -> ModelVariant {
        var found = variants
        guard !found.isEmpty else {
            throw .unclear(
                reason: "\(name) has neither GGUF files nor safetensors with a config.json or "
                    + "params.json")
        }
        if let file {
            found = found.filter { $0.files.contains { $0.text == file } }
            if found.isEmpty {
                found = variants.filter { $0.files.contains { $0.name == file } }
            }
        } else {
            // Parts of a model that is no language model itself are only taken by name.
            found = found.filter { !$0.isPartial }
        }
        if let type {
            found = found.filter { $0.type.lowercased() == type.lowercased() }
        }
        guard let variant = found.first, found.count == 1 else {
            let wanted = [file.map { "--file \($0)" }, type.map { "--type \($0)" }]
                .compactMap { $0 }.joined(separator: " ")
            let problem =
                found.isEmpty
                ? "nothing in it is \(wanted)"
                : wanted.isEmpty
                    ? "there are several models in it" : "several models in it are \(wanted)"
            let names = (found.isEmpty ? variants : found).prefix(40).map { variant in
                "\(variant.type) (\(variant.files[0].text))"
            }
            throw .unclear(
                reason: "\(name): \(problem); choose with --type or --file: "
                    + names.joined(separator: ", "))
        }
        guard variant.isWhole else {
            throw .unclear(reason: "\(name): parts of \(variant.files[0].text) are missing")
        }
        return variant
    }
}
