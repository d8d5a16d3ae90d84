// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import Synchronization
import Testing
import Tokenization

/// A published vocabulary that the goldens speak of, and where to find it on this machine.
struct GoldenVocabulary: Sendable, CustomTestStringConvertible {
    var name: String
    var path: String
    var testDescription: String { name }

    /// The tokenizer; every vocabulary is read once.
    func load() throws -> any Tokenizer {
        try Self.loaded.withLock { loaded in
            if let tokenizer = loaded[path] { return tokenizer }
            let tokenizer = try TokenizerLoader.load(path: path)
            loaded[path] = tokenizer
            return tokenizer
        }
    }

    private static let loaded = Mutex<[String: any Tokenizer]>([:])

    /// The vocabularies of the mistral-common wheel, if CIERZO_MISTRAL_DATA is its folder
    /// `mistral_common/data`.
    static let mistral: [GoldenVocabulary] = {
        guard let data = ProcessInfo.processInfo.environment["CIERZO_MISTRAL_DATA"] else {
            return []
        }
        let files: KeyValuePairs = [
            "mistral-v1": "tokenizer.model.v1",
            "mistral-v2": "mistral_instruct_tokenizer_240216.model.v2",
            "mistral-v3": "mistral_instruct_tokenizer_240323.model.v3",
            "mistral-v7": "mistral_instruct_tokenizer_241114.model.v7",
            "tekken-240718": "tekken_240718.json",
            "tekken-240911": "tekken_240911.json",
        ]
        return files.map { GoldenVocabulary(name: $0.key, path: "\(data)/\($0.value)") }
    }()

    /// The default model's vocabulary, if CIERZO_DEFAULT_MODEL is its GGUF file.
    static let smollm2: [GoldenVocabulary] = {
        guard let path = ProcessInfo.processInfo.environment["CIERZO_DEFAULT_MODEL"] else {
            return []
        }
        return [GoldenVocabulary(name: "smollm2", path: path)]
    }()

    static let all = mistral + smollm2

    /// The folder of make-token-goldens.py's full output, if CIERZO_TOKEN_GOLDENS names it.
    static let wholeGoldens = ProcessInfo.processInfo.environment["CIERZO_TOKEN_GOLDENS"]

    /// More vocabularies that this folder has ids of: vocabularies.json, names and paths.
    static let others: [GoldenVocabulary] = {
        guard let wholeGoldens,
            let data = FileManager.default.contents(
                atPath: "\(wholeGoldens)/vocabularies.json"),
            let paths = try? JSONParser.parse(Array(data)).objectValue
        else { return [] }
        return paths.compactMap { name, path in
            path.stringValue.map { GoldenVocabulary(name: name, path: $0) }
        }
    }()
}
