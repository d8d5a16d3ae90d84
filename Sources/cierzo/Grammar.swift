// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Console
import Foundation
import JSON
import ModelFiles
import Recognition
import Serving
import StructuredOutput
import Tokenization

/// Checks schemas, expressions and grammars without a server.
struct Grammar: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check texts against schemas, expressions and grammars, as JSON lines.",
        discussion: """
            Each line of stdin is a question, and each line of stdout its answer:

              cierzo grammar <<< '{"id": 1, "schema": {"type": "integer"}, "instances": ["7", "x"]}'
              cierzo grammar --model FILE < questions.jsonl > answers.jsonl

            A question has one of "schema" (JSON Schema), "regex" (ECMAScript's), "grammar" (GBNF or \
            Lark), "choice" (a list of texts) and "structural_tag" (vLLM's), and "instances", the texts \
            to check. The answer is

              {"id": 1, "error": null, "compile_us": 85.2, "instances": \
            [{"accepted": true, "at": 1, "mask_us": [2.1, 0.4]}, …]}

            "accepted" says whether the text is one that a model held to the schema could write, "at" \
            how many of its bytes could come; where they are all and it is not accepted, it must not \
            end there, or a "reason" says which limit was in the way. "mask_us" are the microseconds \
            of processor time for the mask before each token and at the end. What cannot be honoured \
            is an "error" with the JSON "pointer" (or the place in the grammar) and the "reason".

            With --model texts are cut into the tokens of its vocabulary, each of which must be in its \
            mask; without, into bytes. Of the model only the tokenizer is read: a manifest, a GGUF or \
            packed file, a directory, or a tokenizer file of its own (tekken.json, tokenizer.json, \
            tokenizer.model).
            """)

    /// How freely texts may be written.
    enum Style: String, ExpressibleByArgument, CaseIterable {
        case any, generated
    }

    @Option(help: "The model whose vocabulary counts. Default: every byte is a token.")
    var model: String?
    @Option(
        help: """
            any takes each way to write a JSON text; generated the one way that models are held to, \
            with keys in the schema's order.
            """)
    var style: Style = .any

    func run() async throws {
        do {
            let vocabulary = ConstraintVocabulary(try tokenizer())
            let style: RecognitionStyle = style == .any ? .any : .generated
            try await Self.onThread {
                var check = GrammarCheck(vocabulary, style: style)
                var lines = BoundedLines(descriptor: FileHandle.standardInput.fileDescriptor)
                while let line = try lines.next() {
                    if line.bytes.allSatisfy({ $0 == 0x20 || (0x09...0x0D) ~= $0 }), !line.isCut {
                        continue
                    }
                    let answer =
                        line.isCut
                        ? GrammarCheck.refusal(
                            RecognitionError(
                                at: "", "the line is longer than \(BoundedLines.maxByteCount) bytes"
                            ),
                            id: .null, line: line.number)
                        : check.answer(to: line.bytes, number: line.number)
                    try printLine(answer.serialized())
                }
            }
        } catch {
            throw failure(error)
        }
    }

    private func tokenizer() throws -> any Tokenizer {
        guard let model else { return ByteVocabulary() }
        do {
            let file = try LoadedModel.open(path: model, acceptsStale: true).file
            return try TokenizerLoader.load(file).tokenizer
        } catch let error {
            // A tokenizer without a model is no model, but all that is needed here.
            if let tokenizer = try? TokenizerLoader.load(path: model) { return tokenizer }
            throw error
        }
    }

    /// Runs on a thread with as much stack as the server's threads have.
    private static func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread { continuation.resume(with: Result { try body() }) }
            thread.stackSize = 8 << 20
            thread.start()
        }
    }
}
