// SPDX-License-Identifier: Apache-2.0

/// How a byte-level model splits and merges, by the name that GGUF files give it.
package struct PreTokenizerPreset: Hashable, Sendable {
    /// How words are split.
    package var preTokenizer: PreTokenizer
    /// Whether a word that is a token is not merged.
    package var ignoresMerges = false
    /// Whether a plain text begins with BOS, unless the file says otherwise.
    package var addsBOS = false
    /// Whether text is brought into normalization form C, as the model's own tokenizer does.
    package var composes = false

    private init(_ stages: PreTokenizer.Stage...) {
        preTokenizer = PreTokenizer(stages)
    }

    /// The preset of a `tokenizer.ggml.pre`; nil if it is not known.
    ///
    /// `default`, which is also what old files without the key get, is llama.cpp's expression of
    /// that name, so that such files have the ids that they have elsewhere.
    package init?(ggufName name: String) {
        switch name {
        case "gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "exaone4",
            "gigachat", "mellum", "modern-bert", "a.x-4.0", "roberta-bpe", "jina-es", "jina-de",
            "jina-v1-en", "jina-v2-es", "jina-v2-de", "jina-v2-code":
            self.init(.words(.gpt2))
        case "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b",
            "mellum2":
            self.init(.eachNumber, .words(.gpt2))
        case "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0",
            "lfm2":
            self.init(.words(.llama3))
            ignoresMerges = true
            addsBOS = true
        case "dbrx", "smaug-bpe", "chatglm-bpe": self.init(.words(.llama3))
        case "glm4":
            self.init(.words(.llama3))
            ignoresMerges = true
        case "qwen2", "deepseek-r1-qwen", "megrez", "kormo", "f2llmv2":
            self.init(.words(.qwen2))
            composes = true
        case "stablelm2", "hunyuan", "solar-open": self.init(.words(.qwen2))
        case "qwen35": self.init(.words(.qwen35))
        case "tekken":
            self.init(.words(.tekken))
            ignoresMerges = true
            addsBOS = true
        case "deepseek-v3": self.init(.numberTriples, .eastAsianRuns, .deepSeekWords)
        case "deepseek-llm":
            self.init(
                .eachNewline, .runs(.casedLetters), .runs(.commonMarks), .trailingSpace,
                .runs(.eastern), .eachNumber)
        case "deepseek-coder":
            self.init(
                .eachNewline, .runs(.letters), .runs(.punctuation), .runs(.eastern), .eachNumber)
        case "kimi-k2":
            self.init(.words(.kimiK2))
            ignoresMerges = true
        case "gpt-4o", "llama4", "kanana2", "minimax-m2": self.init(.words(.gpt4o))
        case "default":
            self.init(.punctuationRuns, .words(.gpt2), .numberRuns, .digitTriples)
        default: return nil
        }
    }
}
