// SPDX-License-Identifier: Apache-2.0

import Foundation
import Fuzzers
import Testing

/// What each fuzzer begins with, and what fuzzing has found.
@Suite struct CorpusTests {
    private static func folder() throws -> URL {
        try #require(Bundle.module.resourceURL).appendingPathComponent("Corpora")
    }

    @Test(arguments: Fuzzer.all.map(\.name))
    func `whatever is in a corpus, its reader keeps its laws`(name: String) async throws {
        let fuzzer = try #require(Fuzzer.all.first { $0.name == name })
        let files = try FileManager.default.contentsOfDirectory(
            at: Self.folder().appendingPathComponent(name), includingPropertiesForKeys: nil)
        #expect(!files.isEmpty)
        for file in files {
            let input = try Data(contentsOf: file)
            let problem = await fuzzer.problem(with: Array(input))
            #expect(problem == nil, "\(file.lastPathComponent)")
        }
    }

    @Test func `every corpus has a fuzzer`() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder().path)
        #expect(Set(names) == Set(Fuzzer.all.map(\.name)))
    }
}
