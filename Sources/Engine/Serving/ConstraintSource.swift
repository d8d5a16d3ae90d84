// SPDX-License-Identifier: Apache-2.0

import Foundation
package import Recognition
package import StructuredOutput
import Synchronization
package import Tokenization

/// Compiles what holds a model's answers to a form, and keeps what was used lately.
///
/// The vocabulary is prepared once: while the first question is on its way where
/// ``prepareInBackground()`` was called, or else for the first constraint.
package final class ConstraintSource: Sendable {
    private let tokenizer: any Tokenizer
    private let cache = Mutex<ConstraintCache?>(nil)

    /// A source for a model.
    package init(_ tokenizer: any Tokenizer) { self.tokenizer = tokenizer }

    /// Prepares the vocabulary on a thread of its own, for it takes tens of milliseconds.
    package func prepareInBackground() {
        Thread.detachNewThread { _ = self.prepared() }
    }

    private func prepared() -> ConstraintCache {
        cache.withLock { cache in
            if let cache { return cache }
            let prepared = ConstraintCache(ConstraintVocabulary(tokenizer))
            cache = prepared
            return prepared
        }
    }

    /// What holds answers to a structure; compiled now, unless it was lately.
    ///
    /// Takes as long as compiling may: not for a thread that others wait for.
    ///
    /// - Parameters:
    ///   - structure: what they must look like.
    ///   - style: how freely that may be written.
    ///   - scope: what separates clients that must not learn from each other's questions.
    /// - Returns: a constraint that any number of answers may be held to.
    /// - Throws: `RecognitionError`, which says where and why it cannot be honoured.
    package func constraint(
        for structure: Structure, style: RecognitionStyle = .generated, scope: String = ""
    ) throws(RecognitionError) -> Constraint {
        try prepared().constraint(for: structure, style: style, scope: scope)
    }
}
