// SPDX-License-Identifier: Apache-2.0

import JSON
import Recognition
import StructuredOutput
import Testing

struct ConstraintCacheTests {
    private let vocabulary = ConstraintVocabulary(ByteVocabulary())

    @Test func `equal structures of a scope have one constraint`() throws {
        let cache = ConstraintCache(vocabulary)
        let first = try cache.constraint(for: .literal("a"), scope: "x")
        #expect(try cache.constraint(for: .literal("a"), scope: "x") === first)
        #expect(try cache.constraint(for: .literal("a"), scope: "y") !== first)
        #expect(try cache.constraint(for: .literal("b"), scope: "x") !== first)
        #expect(try cache.constraint(for: .literal("a"), style: .any, scope: "x") !== first)
        #expect(cache.count == 4)
    }

    @Test func `what equality does not see is told apart`() throws {
        let cache = ConstraintCache(vocabulary)
        let composed = try cache.constraint(for: .literal("\u{E9}"))
        #expect(try cache.constraint(for: .literal("e\u{301}")) !== composed)
        let members: [Structure] = [
            .schema(["properties": ["a": true, "b": true]]),
            .schema(["properties": ["b": true, "a": true]]),
        ]
        #expect(members[0] == members[1])
        #expect(members[0].spellingDigest != members[1].spellingDigest)
    }

    @Test func `what was not used for longest goes first`() throws {
        let cache = ConstraintCache(vocabulary, maxCount: 2)
        let a = try cache.constraint(for: .literal("a"))
        _ = try cache.constraint(for: .literal("b"))
        #expect(try cache.constraint(for: .literal("a")) === a)
        _ = try cache.constraint(for: .literal("c"))
        #expect(cache.count == 2)
        #expect(try cache.constraint(for: .literal("a")) === a)
    }

    @Test func `at most so many bytes are kept, but always the last`() throws {
        let cache = ConstraintCache(vocabulary, maxBytes: 1)
        _ = try cache.constraint(for: .literal("a"))
        let b = try cache.constraint(for: .literal("b"))
        #expect(cache.count == 1)
        #expect(try cache.constraint(for: .literal("b")) === b)
    }

    @Test func `what cannot be honoured is refused again`() {
        let cache = ConstraintCache(vocabulary)
        for _ in 0..<2 {
            #expect(throws: RecognitionError.self) { try cache.constraint(for: .expression("(")) }
        }
        #expect(cache.count == 1)
    }

    @Test func `a source that is refused counts with its size`() throws {
        let cache = ConstraintCache(vocabulary, maxBytes: 1 << 20)
        for letter in ["a", "b", "c"] {
            let source = "root ::= (" + String(repeating: letter, count: 300_000)
            #expect(throws: RecognitionError.self) {
                try cache.constraint(for: .grammar(source))
            }
        }
        #expect(cache.count == 1)
    }

    @Test func `requests at the same time share one compilation`() async throws {
        let cache = ConstraintCache(vocabulary)
        let identities = try await withThrowingTaskGroup(of: ObjectIdentifier.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    ObjectIdentifier(try cache.constraint(for: .expression("(a|b)*c")))
                }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(identities.count == 1 && cache.count == 1)
    }
}
