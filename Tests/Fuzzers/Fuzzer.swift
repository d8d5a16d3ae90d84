// SPDX-License-Identifier: Apache-2.0

import ModelFiles
import Tokenization

/// A reader of foreign bytes, and what must hold of it whatever the bytes are.
///
/// That it never traps, and takes neither long nor much memory, is seen by whoever runs it:
/// `scripts/fuzz` with inputs that libFuzzer makes up, the tests with those of the corpora.
package struct Fuzzer: Sendable {
    /// What corpora and commands call it.
    package let name: String

    private enum Law: Sendable {
        case immediate(@Sendable ([UInt8]) throws -> String?)
        case awaited(@Sendable ([UInt8]) async throws -> String?)
    }

    private let law: Law

    /// A fuzzer of a reader that answers at once.
    ///
    /// - Parameters:
    ///   - name: what it is called.
    ///   - law: reads an input; returns what does not hold, and throws where the reader refuses.
    init(_ name: String, law: @escaping @Sendable ([UInt8]) throws -> String?) {
        self.name = name
        self.law = .immediate(law)
    }

    /// A fuzzer of a reader that is waited for.
    init(_ name: String, awaiting law: @escaping @Sendable ([UInt8]) async throws -> String?) {
        self.name = name
        self.law = .awaited(law)
    }

    /// Reads an input.
    ///
    /// - Returns: what should hold and does not, in words; nil if all does.
    package func problem(with input: [UInt8]) async -> String? {
        do {
            switch law {
            case .immediate(let law): return try law(input)
            case .awaited(let law): return try await law(input)
            }
        } catch {
            return Self.problem(of: error)
        }
    }

    /// Reads an input where nobody need wait, which libFuzzer does a thousand times faster.
    ///
    /// - Returns: what should hold and does not; nil for a reader that is waited for.
    package func problemAtOnce(with input: [UInt8]) -> String?? {
        guard case .immediate(let law) = law else { return nil }
        do {
            return .some(try law(input))
        } catch {
            return .some(Self.problem(of: error))
        }
    }

    /// What is wrong with the words of a refusal: they are bounded, and those about files, which go
    /// to a terminal, one line without control characters.
    private static func problem(of error: any Error) -> String? {
        let text = "\(error)"
        guard !text.isEmpty, text.utf8.count <= 4_000 else {
            return "an error has \(text.utf8.count) bytes"
        }
        guard error is ModelFileError || error is TokenizerError else { return nil }
        let isPlain = text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
        return isPlain ? nil : "an error is not one plain line: \(text)"
    }

    /// All of them.
    package static let all: [Fuzzer] =
        [json, jinja, answers] + http + modelFiles + tokenizers + recognition + bodies + access
        + jobs
}

extension [UInt8] {
    /// The parts between bytes of 255, which no text has; as many as asked for, empty ones last.
    func parts(_ count: Int) -> [[UInt8]] {
        let parts = split(separator: 0xFF, maxSplits: count - 1, omittingEmptySubsequences: false)
        return parts.map { Array($0) }
            + [[UInt8]](repeating: [], count: Swift.max(0, count - parts.count))
    }

    /// The bytes as text; U+FFFD for what is none.
    var text: String { String(decoding: self, as: UTF8.self) }

    /// The bytes in pieces of a length.
    func pieces(of size: Int) -> [[UInt8]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
