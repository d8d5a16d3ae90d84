// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import ArgumentParser
import Computation
import Console
import Conversation
import Foundation
import Generation
import Inference
import ModelFiles
import Sampling
import Serving
import Tokenization

struct Generate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answer one prompt, or chat in the terminal.",
        discussion: """
            With a prompt, the answer goes to stdout as it is generated. Without one, every line of \
            stdin is a turn of a conversation.

              cierzo generate --model FILE "What is the capital of France?"
              cierzo generate --model FILE --raw "Once upon a time"
              cierzo generate --model FILE
            """)

    @Option(help: "The model: a manifest, a GGUF or packed file, or a directory.") var model: String
    @Argument(help: "What to ask. Default: chat, one turn per line of stdin.") var prompt: String?
    @Flag(help: "Continue the prompt as it is, control tokens included, without the template.")
    var raw = false
    @Option(help: "The system message.") var system: String?
    @Option(help: "The most tokens of an answer.") var maxTokens: Int?
    @Option(help: "0 always takes the likeliest token.") var temperature: Float = 0
    @Option(help: "Sample from the likeliest tokens that hold this much probability.")
    var topP: Float = 1
    @Option(help: "The seed of sampling.") var seed: UInt64 = 0
    @Option(help: "Context window in tokens.") var context: Int?
    @OptionGroup var compute: ComputeOptions

    func run() async throws {
        do {
            try await converse()
        } catch {
            throw failure(error)
        }
    }

    private func converse() async throws {
        let loaded = try LoadedModel(path: model, acceptsStale: compute.acceptsStale)
        var assembly = compute.assembly
        assembly.context = context
        assembly.maxSequences = 1
        let running = try ProgressLine.preparing(loaded.file) { progress in
            try assembly.start(loaded, build: Build.version, progress: progress)
        }
        if let prompt {
            if raw {
                var question = Question(.text(prompt))
                question.generation.continuesText = true
                _ = try await answer(question, running.model)
            } else {
                var messages = systemMessages
                messages.append(Message(.user, prompt))
                _ = try await answer(
                    Question(.chat(ChatPrompt(messages: messages))), running.model)
            }
        } else {
            try await chat(loaded.file.name, running.model)
        }
        await running.engine.shutdown()
    }

    private var systemMessages: [Message] {
        system.map { [Message(.system, $0)] } ?? []
    }

    private func chat(_ name: String, _ model: ServedModel) async throws {
        var messages = systemMessages
        let isTerminal = isatty(STDIN_FILENO) == 1
        if isTerminal { note("\(name). A line is a turn; Ctrl-D ends.") }
        while true {
            if isTerminal { try emit("> ") }
            guard let line = readLine() else { break }
            guard !line.isEmpty else { continue }
            messages.append(Message(.user, line))
            let text = try await answer(
                Question(.chat(ChatPrompt(messages: messages))), model)
            messages.append(Message(.assistant, text))
        }
        if isTerminal { try emit("\n") }
    }

    /// Streams an answer to stdout.
    private func answer(_ question: Question, _ model: ServedModel) async throws -> String {
        var question = question
        question.temperature = Double(temperature)
        question.generation.sampling.topP = topP
        question.generation.sampling.seed = seed
        question.generation.maxTokens = maxTokens
        let answer = try model.submit(model.requests(for: question), for: Client())
        var text = ""
        try await answer.forEach(tickingEvery: .seconds(60)) { item in
            switch item {
            case .event(.output(_, .text(let piece), _)):
                text += piece
                try emit(piece)
            case .event(.failed(_, let error)):
                try emit("\n")
                throw error
            default: break
            }
        }
        try emit("\n")
        return text
    }

    private func emit(_ text: String) throws {
        try StandardOutput.write(text)
    }
}
