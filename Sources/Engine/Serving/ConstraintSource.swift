// SPDX-License-Identifier: Apache-2.0

package import Recognition
package import StructuredOutput
import Synchronization
package import Tokenization

/// Compiles what holds a model's answers to a form.
///
/// The vocabulary is prepared once, before the first question where ``prepare()`` is called early.
package final class ConstraintSource: Sendable {
    private let tokenizer: any Tokenizer
    private let vocabulary = Mutex<ConstraintVocabulary?>(nil)

    /// A source for a model.
    package init(_ tokenizer: any Tokenizer) { self.tokenizer = tokenizer }

    /// Prepares the vocabulary, which takes tens of milliseconds, unless that was done.
    @discardableResult
    package func prepare() -> ConstraintVocabulary {
        vocabulary.withLock { vocabulary in
            if let vocabulary { return vocabulary }
            let prepared = ConstraintVocabulary(tokenizer)
            vocabulary = prepared
            return prepared
        }
    }

    /// What holds answers to a structure.
    ///
    /// - Parameters:
    ///   - structure: what they must look like.
    ///   - style: how freely that may be written.
    ///   - scope: what separates clients that must not learn from each other's questions.
    /// - Returns: a constraint that any number of answers may be held to.
    /// - Throws: `RecognitionError`, which says where and why it cannot be honoured.
    package func constraint(
        for structure: Structure, style: RecognitionStyle, scope: String
    ) throws(RecognitionError) -> Constraint {
        try Constraint(structure, vocabulary: prepare(), style: style)
    }
}
