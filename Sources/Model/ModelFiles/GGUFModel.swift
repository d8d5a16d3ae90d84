// SPDX-License-Identifier: Apache-2.0

import Computation

/// A GGUF file, or the files that a model was split into, that hold a model.
struct GGUFModel {
    private let file: GGUFFile
    private let schemas: [ModelSchema]

    /// A file, the first of its parts, and the families that its model may be of.
    init(_ file: GGUFFile, schemas: [ModelSchema]) {
        self.file = file
        self.schemas = schemas
    }

    /// All that the file, and those that follow it if it was split, say of the model.
    func contents() throws(ModelFileError) -> ModelFile.Contents {
        let parts = try SplitGGUF(first: file).parts
        _ = try GGUFConfiguration(file.metadata, path: file.path, among: schemas)
        let stored = try QuantizedWeights.multiplied(
            parts.flatMap { part in part.tensors.map { StoredTensor($0, of: part.mapping) } })
        guard !stored.isEmpty else {
            throw .unrecognised(path: file.path, reason: "a GGUF file without any tensors")
        }
        return try contents(
            stored: stored, unreadable: parts.flatMap(\.unreadable), naming: .gguf)
    }

    /// What the metadata say of a model whose tensors are `stored`.
    func contents(
        stored: [StoredTensor], unreadable: [UnreadableTensor] = [], naming: TensorNaming
    ) throws(ModelFileError) -> ModelFile.Contents {
        let reader = try GGUFConfiguration(file.metadata, path: file.path, among: schemas)
        let name =
            reader.schema.inputs.first { $0.role == .tokenEmbedding }?.writtenName(naming) ?? ""
        let needed = [name, Self.ropeFactorsName]
        if let tensor = unreadable.first(where: { needed.contains($0.name) }) { throw tensor.error }
        guard let embedding = stored.first(where: { $0.name == name }) else {
            throw .tensor(path: file.path, name: name, problem: "missing")
        }
        guard embedding.shape.count >= 2 else {
            throw .tensor(
                path: file.path, name: embedding.name,
                problem: "expected 2 dimensions, found \(embedding.shape)")
        }
        let vocabularySize = embedding.shape[embedding.shape.count - 2]
        guard ConfigurationBounds.vocabularySize.contains(vocabularySize) else {
            throw .tensor(
                path: file.path, name: embedding.name,
                problem: "a vocabulary of \(vocabularySize) is too large")
        }
        var rowCounts: [String: Int] = [:]
        for tensor in stored {
            rowCounts[tensor.name] =
                tensor.shape.count > 1 ? tensor.shape[tensor.shape.count - 2] : 1
        }
        for tensor in unreadable { rowCounts[tensor.name] = 0 }
        let configuration = try reader.read(
            vocabularySize: vocabularySize,
            ropeFrequencyFactors: Self.ropeFrequencyFactors(stored),
            rowCount: { rowCounts[$0] })
        var warnings: [String] = []
        let ends = try endTokenIDs(vocabularySize: vocabularySize, &warnings)
        return ModelFile.Contents(
            name: file.metadata["general.name"]?.stringValue, schema: reader.schema,
            configuration: configuration, stored: stored, unreadable: unreadable, naming: naming,
            tied: nil,
            metadata: file.metadata,
            vocabularySource: .gguf(file), chatTemplates: try chatTemplates(),
            endTokenIDs: ends, warnings: warnings)
    }

    /// What GGUF calls the scaling factors of rotary frequencies.
    static let ropeFactorsName = "rope_freqs.weight"

    private static func ropeFrequencyFactors(
        _ stored: [StoredTensor]
    ) throws(ModelFileError) -> [Float]? {
        guard let tensor = stored.first(where: { $0.name == ropeFactorsName }) else {
            return nil
        }
        guard tensor.elementCount <= ConfigurationBounds.headDimension.upperBound else {
            throw .tensor(
                path: tensor.file.path, name: tensor.name,
                problem: "\(tensor.elementCount) elements are too many")
        }
        let factors = try tensor.finiteValues()
        if let index = factors.firstIndex(where: { $0 <= 0 }) {
            throw .tensor(
                path: tensor.file.path, name: tensor.name,
                problem: "element \(index) is \(factors[index]), but must be positive")
        }
        return factors.allSatisfy { $0 == 1 } ? nil : factors
    }

    private func chatTemplates() throws(ModelFileError) -> [String: String] {
        let key = "tokenizer.chat_template"
        var templates: [String: String] = [:]
        for (name, value) in file.metadata where name == key || name.hasPrefix(key + ".") {
            guard let text = value.stringValue else {
                throw .metadata(
                    path: file.path, key: name,
                    problem: "expected a string, found \(value.typeName)")
            }
            let short = name == key ? "default" : String(name.dropFirst(key.utf8.count + 1))
            templates[short] = text
        }
        return templates
    }

    private func endTokenIDs(
        vocabularySize: Int, _ warnings: inout [String]
    ) throws(ModelFileError) -> [Int32] {
        let fields = ConfigurationFields(
            file.metadata, path: file.path, prefix: "tokenizer.ggml.")
        var ids: [Int32] = []
        for key in ["eos_token_id", "eot_token_id", "eom_token_id"] {
            // 2^32 - 1 and -1 are how some writers say “none”.
            if let id = try fields.optionalInteger(key, in: -1...Int(UInt32.max)),
                id != -1, id != Int(UInt32.max)
            {
                guard id < vocabularySize else {
                    warnings.append(
                        "tokenizer.ggml.\(key) \(id) is outside the vocabulary of "
                            + "\(vocabularySize) and ends no answer")
                    continue
                }
                if !ids.contains(Int32(id)) { ids.append(Int32(id)) }
            }
        }
        return ids
    }
}
