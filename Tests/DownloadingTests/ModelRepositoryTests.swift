// SPDX-License-Identifier: Apache-2.0

import Downloading
import Testing

/// Which files of a repository are a model.
@Suite struct ModelRepositoryTests {
    private func repository(_ paths: [String]) throws -> ModelRepository {
        let files = try paths.map { path in
            try #require(RepositoryFile(path: path, byteCount: 5, digest: nil))
        }
        return ModelRepository(
            name: "o/Name", commit: String(repeating: "0", count: 40), license: nil, files: files)
    }

    @Test func `GGUF files are told apart by the types in their names`() throws {
        let repository = try repository([
            "m.Q4_K_M.gguf", "m-Q8_0.gguf", "m-UD-IQ2_XXS.gguf", "bf16/m-BF16-00002-of-00002.gguf",
            "bf16/m-BF16-00001-of-00002.gguf", "m.gguf", "README.md", "mmproj-F16.gguf",
        ])
        let types = repository.variants.map { "\($0.type) \($0.files.count)" }.sorted()
        #expect(types == ["BF16 2", "F16 1", "GGUF 1", "IQ2_XXS 1", "Q4_K_M 1", "Q8_0 1"])
        let chosen = try repository.variant(file: nil, type: "bf16")
        #expect(
            chosen.files.map(\.text) == [
                "bf16/m-BF16-00001-of-00002.gguf", "bf16/m-BF16-00002-of-00002.gguf",
            ])
        #expect(chosen.place == "m-BF16-00001-of-00002.gguf" && chosen.stem == "m-BF16")
        #expect(try repository.variant(file: "m-Q8_0.gguf", type: nil).type == "Q8_0")
        #expect(try repository.variant(file: "mmproj-F16.gguf", type: nil).type == "F16")
    }

    @Test(arguments: [
        (nil, nil, "choose"), ("other.gguf", nil, "nothing"), (nil, "Q2_K", "nothing"),
        (nil, "Q4_K_M", "several"), (nil, "Q8_0", "missing"), (nil, "F16", "nothing"),
    ])
    func `what is unclear is answered with what there is`(
        _ file: String?, _ type: String?, _ word: String
    ) throws {
        let repository = try repository([
            "m-Q4_K_M.gguf", "n-Q4_K_M.gguf", "m-Q8_0-00001-of-00002.gguf", "mmproj-F16.gguf",
        ])
        #expect {
            try repository.variant(file: file, type: type)
        } throws: { error in
            guard case .unclear(let reason)? = error as? DownloadError else { return false }
            return reason.contains(word)
        }
    }

    @Test func `weights that are there twice are taken once`() throws {
        let both = try repository([
            "config.json", "params.json", "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors", "model.safetensors.index.json",
            "consolidated.safetensors", "consolidated.safetensors.index.json", "tokenizer.model.v3",
            "tekken.json", "pytorch_model.bin.index.json", "x.bin", ".gitattributes",
            "additional_chat_templates/rag.jinja", "1_Pooling/config.json", "onnx/config.json",
        ])
        let names = try both.variant(file: nil, type: nil).files.map(\.text)
        #expect(
            names == [
                "1_Pooling/config.json", "additional_chat_templates/rag.jinja", "config.json",
                "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                "model.safetensors.index.json", "params.json", "tekken.json", "tokenizer.model.v3",
            ])
        let mistral = try repository(["params.json", "consolidated.safetensors", "tekken.json"])
        #expect(try mistral.variant(file: nil, type: "safetensors").files.count == 3)
        #expect(try repository(["model.safetensors"]).variants.isEmpty)
    }

    @Test(arguments: [
        "", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "../a", "a\\b", "a\u{0}", "a\nb",
        "a\u{202E}b", "-a", "a.part", "a.part.json", String(repeating: "a", count: 201),
        String(repeating: "a/", count: 16) + "a",
    ])
    func `a path that could leave its folder or deceive is no file`(_ path: String) {
        #expect(RepositoryFile(path: path, byteCount: 1, digest: nil) == nil)
    }
}
