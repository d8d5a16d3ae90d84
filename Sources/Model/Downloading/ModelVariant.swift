// SPDX-License-Identifier: Apache-2.0

/// One of the models that a repository holds.
package struct ModelVariant: Hashable, Sendable {
    /// The type of its weights, as its file is called: `Q4_K_M`; `safetensors` for a folder's.
    package let type: String
    /// Its files; of a GGUF model the parts in order.
    package let files: [RepositoryFile]
    /// The folder below the weights' in which they are put; nil for none.
    package let folder: String?
    /// Whether all its parts are there.
    package let isWhole: Bool

    /// The bytes of all files.
    package var byteCount: Int {
        files.reduce(0) { sum, file in
            let (all, overflow) = sum.addingReportingOverflow(file.byteCount)
            return overflow ? .max : all
        }
    }

    /// Whether it is a part of a model that also hears or sees, and no model of its own.
    var isPartial: Bool { files[0].name.lowercased().contains("mmproj") }

    /// Where a file is put below the weights' folder.
    package func place(of file: RepositoryFile) -> [String] {
        folder.map { [$0] + file.path } ?? [file.name]
    }

    /// Where the model is then: its folder, or the first of its files.
    package var place: String { folder ?? files[0].name }

    /// What names the model here: its folder, or its file without endings.
    package var stem: String {
        folder ?? Self.part(of: files[0].name).stem
    }

    /// The GGUF models of a repository, parts of one together, by name.
    static func splitting(_ files: [RepositoryFile]) -> [ModelVariant] {
        var groups: [String: [(number: Int, file: RepositoryFile)]] = [:]
        var counts: [String: Int] = [:]
        for file in files where file.name.lowercased().hasSuffix(".gguf") {
            guard !file.name.hasPrefix(".") else { continue }
            let part = part(of: file.name)
            let key = (file.path.dropLast() + ["\(part.stem) \(part.count)"])
                .joined(separator: "/")
            groups[key, default: []].append((part.number, file))
            counts[key] = part.count
        }
        return groups.sorted { $0.key < $1.key }.map { key, parts in
            let sorted = parts.sorted { $0.number < $1.number }
            return ModelVariant(
                type: type(of: part(of: sorted[0].file.name).stem), files: sorted.map(\.file),
                folder: nil, isWhole: sorted.map(\.number) == Array(1...(counts[key] ?? 1)))
        }
    }

    private init(type: String, files: [RepositoryFile], folder: String?, isWhole: Bool) {
        self.type = type
        self.files = files
        self.folder = folder
        self.isWhole = isWhole
    }

    /// The model of a repository's own folder; nil where there is none.
    init?(folder repository: ModelRepository) {
        let files = repository.files.filter { !$0.name.hasPrefix(".") }
        let top = Set(files.filter { $0.path.count == 1 }.map(\.name))
        func weights(_ stem: String) -> [String] {
            top.filter { $0.hasPrefix(stem) && $0.hasSuffix(".safetensors") }.sorted()
        }
        let (own, others) = (weights("model"), weights("consolidated"))
        // Repositories of Mistral's have the weights twice; one set is enough. Those that a
        // config.json goes with are what most programs read, and what is read here.
        let chosen = top.contains("config.json") && !own.isEmpty ? own : others
        guard !chosen.isEmpty, top.contains("config.json") || top.contains("params.json") else {
            return nil
        }
        let left = chosen == own ? "consolidated" : "model"
        let taken = files.filter { file in
            switch file.path.count {
            case 1:
                chosen.contains(file.name)
                    || Self.isCompanion(file.name) && !file.name.hasPrefix(left)
            case 2:
                file.path[0] == "additional_chat_templates" && file.name.hasSuffix(".jinja")
                    || file.path[0].hasSuffix("_Pooling") && file.name == "config.json"
            default: false
            }
        }
        self.init(
            type: "safetensors", files: taken.sorted { $0.text < $1.text },
            folder: repository.shortName, isWhole: true)
    }

    /// Whether a file beside the weights says something of the model.
    private static func isCompanion(_ name: String) -> Bool {
        let others = ["pytorch_model", "tf_model", "flax_model", "optimizer", "training"]
        if others.contains(where: { name.hasPrefix($0) }) { return false }
        return name.hasSuffix(".json") || name.hasSuffix(".jinja")
            || name.hasPrefix("tokenizer.model") || ["vocab.txt", "merges.txt"].contains(name)
    }

    /// A name without its endings, and which part of how many it is: `m-Q4_0-00002-of-00003.gguf`.
    private static func part(of name: String) -> (stem: String, number: Int, count: Int) {
        let stem = String(name.dropLast(".gguf".count))
        let words = stem.split(separator: "-", omittingEmptySubsequences: false)
        guard words.count >= 4, words[words.count - 2] == "of",
            let number = fiveDigits(words[words.count - 3]),
            let count = fiveDigits(words[words.count - 1]),
            (1...4096).contains(count), (1...count).contains(number)
        else { return (stem, 1, 1) }
        return (words.dropLast(3).joined(separator: "-"), number, count)
    }

    private static func fiveDigits(_ word: Substring) -> Int? {
        word.utf8.count == 5 && word.utf8.allSatisfy { (48...57).contains($0) } ? Int(word) : nil
    }

    /// The type that a file's name ends in, in capitals; `GGUF` where it names none.
    private static func type(of stem: String) -> String {
        let words = stem.uppercased().split(whereSeparator: { $0 == "-" || $0 == "." })
        let type = words.last { word in
            ["F16", "BF16", "F32"].contains(String(word)) || word.hasPrefix("MXFP4")
                || word.hasPrefix("NVFP4")
                || ["Q", "IQ", "TQ"].contains { start in
                    word.hasPrefix(start) && word.dropFirst(start.count).first?.isNumber == true
                        && word.contains("_")
                }
        }
        return type.map(String.init) ?? "GGUF"
    }
}
