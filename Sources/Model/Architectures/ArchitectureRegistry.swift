// SPDX-License-Identifier: Apache-2.0

package import ModelFiles

extension Architecture {
    /// All families that there are, a line each.
    package static let all = [
        llama,
        mistral,
        mixtral,
        ministral3,
        qwen2,
        qwen3,
        qwen2MoE,
        qwen3MoE,
        olmoe,
        glm4MoE,
        minimaxM2,
        ernie4MoE,
        mellum,
        gptOSS,
        deepSeekV3,
        deepSeekV2,
        glm4MoELite,
        mistral4,
        qwen3Next,
        qwen35,
        qwen35MoE,
        gemma4,
        bert,
        bertClassifier,
    ]

    /// The family of a configuration.
    ///
    /// - Precondition: one is called so; whatever a file's reader returns is of one.
    package static func of(_ configuration: ModelConfiguration) -> Architecture {
        guard let architecture = all.first(where: { $0.schema.describes(configuration) }) else {
            preconditionFailure("no architecture is called \(configuration.architecture)")
        }
        return architecture
    }
}

extension ModelFile {
    /// Opens a GGUF file, a packed file, or a folder with config.json (or Mistral's params.json) and
    /// safetensors, of any family that there is; see `open(path:among:acceptsStale:)`.
    package static func open(
        path: String, acceptsStale: Bool = false
    ) throws(ModelFileError) -> ModelFile {
        try open(path: path, among: schemas, acceptsStale: acceptsStale)
    }

    /// Makes a model of a GGUF file that has been read, for one whose bytes are in memory.
    package static func open(gguf file: GGUFFile) throws(ModelFileError) -> ModelFile {
        try open(gguf: file, among: schemas)
    }

    /// Makes a model of a packed file that has been read, for one whose bytes are in memory.
    package static func open(packed file: PackedFile) throws(ModelFileError) -> ModelFile {
        try open(packed: file, among: schemas)
    }

    private static let schemas = Architecture.all.map(\.schema)
}
