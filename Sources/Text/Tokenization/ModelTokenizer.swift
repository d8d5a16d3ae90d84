// SPDX-License-Identifier: Apache-2.0

/// The tokenizer of a model with what its files say besides.
package struct ModelTokenizer: Sendable {
    /// A version of Mistral's tokenizers, which is that of the prompt format, too.
    package struct MistralVersion: Hashable, Sendable {
        /// Such as `v3` or `v7m1`.
        package let name: String
        /// The file that says so.
        package let file: String
        /// How much the model reasons where a request does not say, if the file says.
        package let reasoningEffort: String?

        /// A version that a file states.
        package init(_ name: String, file: String, reasoningEffort: String? = nil) {
            self.name = name
            self.file = file
            self.reasoningEffort = reasoningEffort
        }
    }

    /// The tokenizer.
    package let tokenizer: any Tokenizer

    /// The version that Mistral's own tokenizer file states; nil for other files.
    package let mistralVersion: MistralVersion?

    /// What is odd about the files but does no harm.
    package let warnings: [String]
}
