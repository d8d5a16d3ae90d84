// SPDX-License-Identifier: Apache-2.0

package import Recognition
import Synchronization

/// Constraints that were compiled for one vocabulary and used lately.
///
/// A constraint is shared only between requests of one scope, such as a tenant, so that the time that
/// a request takes tells nothing of what others ask for. What cannot be honoured is remembered, too,
/// unless it took so long that the machine's load may be the reason.
package final class ConstraintCache: Sendable {
    private struct Key: Hashable {
        let scope: String
        let structure: Structure
        let style: RecognitionStyle
        /// What equality of structures does not see: which code points texts are made of, and the
        /// order of keys, which is that of the answer.
        let spelling: Int
        /// Of all of it, so that the lock is not held while large structures are hashed.
        let digest: Int

        init(_ scope: String, _ structure: Structure, _ style: RecognitionStyle) {
            self.scope = scope
            self.structure = structure
            self.style = style
            spelling = structure.spellingDigest
            var hasher = Hasher()
            hasher.combine(scope)
            hasher.combine(structure)
            hasher.combine(style)
            hasher.combine(spelling)
            digest = hasher.finalize()
        }

        func hash(into hasher: inout Hasher) { hasher.combine(digest) }
    }

    /// What came of a compilation.
    private struct Outcome {
        let result: Result<Constraint, RecognitionError>
        /// Whether it would be the same on a machine with less to do.
        let isCertain: Bool
        let end: ContinuousClock.Instant
    }

    /// One compilation; whoever wants its result waits for the lock.
    private final class Entry: Sendable {
        let outcome = Mutex<Outcome?>(nil)
        let lastUse = Atomic<Int>(0)
        private let sourceByteCount: Int

        init(of structure: Structure) { sourceByteCount = structure.byteCount }

        var byteCount: Int {
            // What is being compiled is not waited for.
            let constraint = outcome.withLockIfAvailable { try? $0?.result.get() }
            // The source is kept as the key, and what was read of it takes about as much.
            return 4096 + 2 * sourceByteCount + (constraint.flatMap(\.self)?.byteCount ?? 0)
        }
    }

    private struct Content {
        var entries: [Key: Entry] = [:]
        var useCount = 0
    }

    private static let usesPerTrim = 64

    private let vocabulary: ConstraintVocabulary
    private let limits: RecognitionLimits
    private let maxCount: Int
    private let maxBytes: Int
    private let content = Mutex(Content())

    /// An empty cache.
    ///
    /// - Parameters:
    ///   - vocabulary: the model's.
    ///   - limits: how much work one constraint may be.
    ///   - maxCount: how many constraints are kept.
    ///   - maxBytes: about how much memory those that are kept may take.
    package init(
        _ vocabulary: ConstraintVocabulary, limits: RecognitionLimits = .init(),
        maxCount: Int = 512, maxBytes: Int = 512 << 20
    ) {
        self.vocabulary = vocabulary
        self.limits = limits
        self.maxCount = max(1, maxCount)
        self.maxBytes = maxBytes
    }

    /// How many constraints there are, refused ones among them.
    package var count: Int { content.withLock { $0.entries.count } }

    /// The constraint of a structure, compiled now if it was not before.
    ///
    /// May take as long as compiling may: not for a thread that others wait for.
    ///
    /// - Parameters:
    ///   - structure: what an answer must look like.
    ///   - style: how freely it may be written.
    ///   - scope: who asks.
    /// - Returns: a constraint that others may have, too.
    /// - Throws: `RecognitionError`, which says where and why it cannot be honoured.
    package func constraint(
        for structure: Structure, style: RecognitionStyle = .generated, scope: String = ""
    ) throws(RecognitionError) -> Constraint {
        // To look it up takes as long as it is large.
        if structure.isLarger(than: limits.maxParts) {
            throw RecognitionError(
                at: "",
                "together these are more than \(limits.maxParts) values where each is written out; "
                    + "send fewer, or refer to fewer definitions")
        }
        let key = Key(scope, structure, style)
        let fresh = Entry(of: structure)
        let (entry, isTrimmed) = content.withLock { content in
            content.useCount += 1
            let known = content.entries[key]
            if known == nil { content.entries[key] = fresh }
            let entry = known ?? fresh
            entry.lastUse.store(content.useCount, ordering: .relaxed)
            // Constraints grow with their use, too.
            return (entry, known == nil || content.useCount % Self.usesPerTrim == 0)
        }
        let arrival = ContinuousClock.now
        let outcome = entry.outcome.withLock { outcome in
            // Those who waited for a refusal share it, certain or not.
            if let outcome, outcome.isCertain || outcome.end > arrival { return outcome }
            let made = compile(structure, style)
            outcome = made
            return made
        }
        if isTrimmed { trim() }
        return try outcome.result.get()
    }

    private func compile(_ structure: Structure, _ style: RecognitionStyle) -> Outcome {
        let start = ProcessorTime.now
        let result = Result { () throws(RecognitionError) in
            try Constraint(structure, vocabulary: vocabulary, style: style, limits: limits)
        }
        let isQuick = ProcessorTime.now - start < limits.maxTime / 4
        let isCertain = if case .success = result { true } else { isQuick }
        return Outcome(result: result, isCertain: isCertain, end: .now)
    }

    /// Gives up what was not used for longest until the rest is within the limits.
    private func trim() {
        let entries = content.withLock { $0.entries }
        let newestFirst = entries.sorted {
            $0.value.lastUse.load(ordering: .relaxed) > $1.value.lastUse.load(ordering: .relaxed)
        }
        var byteCount = 0
        for (index, element) in newestFirst.enumerated() {
            byteCount += element.value.byteCount
            guard index > 0, index >= maxCount || byteCount > maxBytes else { continue }
            content.withLock { content in
                if content.entries[element.key] === element.value {
                    content.entries[element.key] = nil
                }
            }
        }
    }
}
