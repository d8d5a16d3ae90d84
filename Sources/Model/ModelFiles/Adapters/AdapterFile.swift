// SPDX-License-Identifier: Apache-2.0

/// Reads LoRA adapters: folders of PEFT's, and GGUF files as llama.cpp's converter writes them.
package enum AdapterFile {
    /// Opens an adapter and brings all of it into memory.
    ///
    /// - Parameters:
    ///   - path: a folder with `adapter_config.json` and `adapter_model.safetensors`, or a GGUF file.
    ///   - base: the model that it is for.
    /// - Returns: the adapter.
    /// - Throws: `ModelFileError` where a file is damaged, does not fit the model, or asks for what is
    ///   not done.
    package static func open(
        path: String, for base: AdapterBase
    ) throws(ModelFileError) -> Adapter {
        try read(path: path, for: base).load()
    }

    /// Reads what an adapter consists of, but not its numbers.
    ///
    /// - Parameters:
    ///   - path: a folder with `adapter_config.json` and `adapter_model.safetensors`, or a GGUF file.
    ///   - base: the model that it is for.
    /// - Returns: the adapter, which can be brought into memory.
    /// - Throws: `ModelFileError` where a file is damaged, does not fit the model, or asks for what is
    ///   not done.
    package static func read(
        path: String, for base: AdapterBase
    ) throws(ModelFileError) -> UnloadedAdapter {
        if try isFolder(path) {
            return try PEFTAdapter(ModelFolder(path: path)).adapter(for: base)
        }
        if path.hasSuffix(".safetensors") || path.hasSuffix(".json") {
            throw .unrecognised(
                path: path,
                reason: "an adapter of PEFT is a folder with adapter_config.json and "
                    + "adapter_model.safetensors; give the folder instead")
        }
        return try GGUFAdapter(GGUFFile(path: path)).adapter(for: base)
    }

    /// Makes an adapter of a GGUF file that has been read, for one whose bytes are in memory.
    package static func open(
        gguf file: GGUFFile, for base: AdapterBase
    ) throws(ModelFileError) -> Adapter {
        try GGUFAdapter(file).adapter(for: base).load()
    }

    /// Makes an adapter of PEFT's two files, for ones whose bytes are in memory.
    ///
    /// - Parameters:
    ///   - configuration: the bytes of `adapter_config.json`.
    ///   - tensors: those of `adapter_model.safetensors`.
    ///   - base: the model that it is for.
    /// - Returns: the adapter.
    /// - Throws: `ModelFileError`, as for files.
    package static func open(
        peft configuration: [UInt8], tensors: SafetensorsFile, for base: AdapterBase
    ) throws(ModelFileError) -> Adapter {
        try PEFTAdapter(configuration, tensors, path: "(memory)")
            .adapter(for: base).load()
    }

    /// So many numbers, and as many more that the next begin on a cache line.
    static func roomFor(_ count: Int) -> Int { (count + 15) / 16 * 16 }
}

/// What of a model its adapters depend on.
package struct AdapterBase: Sendable {
    let schema: ModelSchema
    let configuration: ModelConfiguration

    /// What adapters of a model depend on.
    package init(_ model: ModelFile) {
        self.init(model.schema, model.configuration)
    }

    /// What adapters of a model of some family depend on.
    package init(_ schema: ModelSchema, _ configuration: ModelConfiguration) {
        self.schema = schema
        self.configuration = configuration
    }
}
