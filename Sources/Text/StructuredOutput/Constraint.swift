// SPDX-License-Identifier: Apache-2.0

import JSON
package import Recognition
import Synchronization

/// A structure compiled for one vocabulary, which any number of answers may be held to at once.
// Safety: `builder` is used only while `lock` is locked, `validator` only while `validation` is.
package final class Constraint: @unchecked Sendable {
    /// The vocabulary that it was compiled for.
    package let vocabulary: ConstraintVocabulary

    /// How much work it may be.
    let limits: RecognitionLimits

    /// Of the schema that whole answers are to satisfy; nil where they are not one JSON text.
    private let validator: SchemaValidator?
    private let validation = Mutex(())

    private let lock = Mutex(())
    private let builder: MaskBuilder

    /// Compiles a structure.
    ///
    /// - Parameters:
    ///   - structure: what an answer must look like.
    ///   - vocabulary: the model's, prepared once.
    ///   - style: how freely it may be written.
    ///   - limits: how much work it may be.
    /// - Throws: `RecognitionError`, which says where and why it cannot be honoured.
    package convenience init(
        _ structure: Structure, vocabulary: ConstraintVocabulary,
        style: RecognitionStyle = .generated, limits: RecognitionLimits = .init()
    ) throws(RecognitionError) {
        let limits = limits.begun()
        let schema: JSONValue? =
            switch structure {
            case .schema(let schema): schema
            case .anyObject: ["type": "object"]
            default: nil
            }
        if let schema {
            let document = try SchemaDocument(schema, limits: limits)
            let recognizer = try JSONRecognizer(document, style: style, limits: limits)
            self.init(recognizer, vocabulary: vocabulary, document: document, limits: limits)
        } else {
            let recognizer = try StructureRecognizer(
                structure, controls: vocabulary.controls, style: style, limits: limits)
            self.init(recognizer, vocabulary: vocabulary, limits: limits)
        }
    }

    /// Holds answers to a recognizer.
    ///
    /// - Parameters:
    ///   - recognizer: nobody else uses it any more.
    ///   - vocabulary: the model's.
    ///   - document: the schema that it recognizes, if it is one; whole texts are validated by it.
    ///   - limits: of these the memory counts here, and the time of answers.
    package init(
        _ recognizer: any Recognizer, vocabulary: ConstraintVocabulary,
        document: SchemaDocument? = nil, limits: RecognitionLimits = .init()
    ) {
        self.vocabulary = vocabulary
        self.limits = limits
        validator = document.map { SchemaValidator($0, limits: limits) }
        builder = MaskBuilder(recognizer, vocabulary, maxBytes: limits.maxBytes)
    }

    /// What follows one answer from its first token.
    ///
    /// - Parameter continuesText: as the detokenizer of the answer has it: whether a space that the
    ///   first token begins with is part of the text in SentencePiece's vocabularies, too.
    /// - Returns: a matcher that has accepted nothing.
    package func makeMatcher(continuesText: Bool = false) -> ConstraintMatcher {
        ConstraintMatcher(self, continuesText: continuesText)
    }

    /// Whether whole texts are validated by a schema.
    var hasValidator: Bool { validator != nil }

    /// What the schema has against a whole text; nil where that is valid, or there is no schema.
    func schemaProblem(in text: ArraySlice<UInt8>) -> String? {
        validation.withLock { _ in validator?.problem(in: text)?.description }
    }

    /// About how many bytes it takes by now.
    package var byteCount: Int {
        withBuilder { $0.byteCount } + validation.withLock { _ in validator?.byteCount ?? 0 } + 1024
    }

    /// Has the states and masks for a moment.
    func withBuilder<Result>(_ body: (MaskBuilder) -> Result) -> Result {
        lock.withLock { _ in body(builder) }
    }
}

extension Constraint: Hashable {
    package static func == (left: Constraint, right: Constraint) -> Bool { left === right }

    package func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
