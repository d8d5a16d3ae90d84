// SPDX-License-Identifier: Apache-2.0

import Conversation
import Foundation
import Inference
import ModelFiles
import Tensors
import Tokenization

/// A model file opened with all that belongs to it: its tokenizer, its prompts, its manifest.
struct LoadedModel: Sendable {
    let file: ModelFile
    let tokenizer: any Tokenizer
    let promptEncoder: PromptEncoder
    let manifest: ModelManifest?
    /// What is odd about the model but does no harm.
    let warnings: [String]

    /// Opens a manifest (`.json`), a GGUF file or a Hugging Face directory.
    ///
    /// - Throws: an error that names the file and what is wrong with it.
    init(path: String) throws {
        manifest = path.hasSuffix(".json") ? try ModelManifest(path: path) : nil
        file = try ModelFile.open(path: manifest?.weights ?? path)
        var warnings = file.warnings
        if TokenizerLoader.isMissing(of: file) {
            tokenizer = TokenIDVocabulary(
                count: file.configuration.vocabularySize, endTokenIDs: file.endTokenIDs)
            warnings.append("the model has no vocabulary: prompts and answers are token ids")
        } else {
            tokenizer = try TokenizerLoader.load(file)
        }
        let choice = try PromptFormat.choose(
            setting: manifest?.promptFormat, template: file.chatTemplate, tokenizer: tokenizer)
        promptEncoder = PromptEncoder(tokenizer: tokenizer, format: choice.format)
        self.warnings = warnings + choice.warnings
    }

    /// How conversations are written, as people call it.
    var promptFormatName: String {
        switch promptEncoder.format {
        case .mistral(let format): "Mistral \(format.rawValue)"
        case .template: "the model's own chat template"
        case .fallback: "ChatML, for want of a template"
        }
    }

    /// The names under which clients may ask for the model, the first being its own: the
    /// manifest's, or else the file's without its ending.
    var names: [String] {
        let fileName = URL(fileURLWithPath: file.path).deletingPathExtension().lastPathComponent
        return [manifest?.name ?? fileName] + (manifest?.aliases ?? [])
    }
}
