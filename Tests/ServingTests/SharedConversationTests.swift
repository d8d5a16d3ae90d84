// SPDX-License-Identifier: Apache-2.0

import Conversation
import Serving
import ServingSupport
import Synchronization
import Testing
import Tokenization

@Suite struct SharedConversationTests {
    private let questions = [
        "Is it?", "Is it not?", "What\nelse?", "Is it?", "How much is it now?",
    ]

    private func model(_ prompts: any PromptSource = PlainPrompts()) -> ServedModel {
        ServedModel(
            description: ModelDescription(name: "m", creationTime: 0, contextLength: 512),
            engine: ScriptedEngine(), tokenizer: ByteTokenizer(), prompts: prompts,
            fingerprint: "f")
    }

    private func texts(_ prompts: [[Int32]]) -> [String] {
        prompts.map { ByteTokenizer().decode($0) }
    }

    @Test func `a question ends the user's turn`() throws {
        let shared = SharedConversation([Message(.user, "It rains.")], with: model())
        #expect(
            try texts(shared.prompts(for: questions))
                == questions.map { "user=It rains.\n\n\($0);assistant=" })
    }

    @Test func `a question is a turn of its own after anybody else's`() throws {
        let shared = SharedConversation(
            [Message(.user, "Hi"), Message(.assistant, "Well.")], with: model())
        #expect(
            try texts(shared.prompts(for: questions))
                == questions.map { "user=Hi;assistant=Well.;user=\($0);assistant=" })
    }

    @Test(arguments: [1, 2, 5])
    func `a long conversation gives the ids that it gives in full`(count: Int) throws {
        let long = String(repeating: "it rains and rains ", count: 20)
        let shared = SharedConversation([Message(.user, long)], with: model())
        let asked = Array(questions.prefix(count))
        #expect(
            try texts(shared.prompts(for: asked))
                == asked.map { "user=\(long)\n\n\($0);assistant=" })
    }

    @Test func `many short messages are rendered twice, however many questions there are`()
        throws
    {
        let turns = (0..<20).flatMap { [Message(.user, "a\($0)"), Message(.assistant, "b")] }
        let source = RecordingPrompts()
        let shared = SharedConversation([Message(.system, "s")] + turns, with: model(source))
        let prompts = try texts(shared.prompts(for: questions))
        let said = turns.map { "\($0.role)=\($0.parts.joined());" }.joined()
        #expect(prompts == questions.map { "system=s;\(said)user=\($0);assistant=" })
        #expect(source.counts.withLock { $0 } == [42, 42, 4, 4, 4, 4, 4])
    }

    @Test func `a format that wants the whole conversation gets it`() throws {
        let turns = (0..<4).flatMap { [Message(.user, "a\($0)"), Message(.assistant, "b")] }
        let source = RecordingPrompts(least: 9)
        let shared = SharedConversation(turns, with: model(source))
        let said = turns.map { "\($0.role)=\($0.parts.joined());" }.joined()
        #expect(
            try texts(shared.prompts(for: questions))
                == questions.map { "\(said)user=\($0);assistant=" })
    }

    @Test func `ids that depend on what is far away are computed in full`() throws {
        let long = String(repeating: "it rains and rains ", count: 20)
        let shared = SharedConversation([Message(.user, long)], with: model(CountingPrompts()))
        let prompts = try texts(shared.prompts(for: questions))
        #expect(prompts == questions.map { "\(long)\n\n\($0)#\(382 + $0.utf8.count)" })
    }

    @Test func `a question that does not fit is named`() throws {
        let long = String(repeating: "it rains and rains ", count: 20)
        let shared = SharedConversation([Message(.user, long)], with: model())
        let big = String(repeating: "b", count: 200)
        for place in 0..<3 {
            var asked = ["a", "a", "a"]
            asked[place] = big
            let error = #expect(throws: ServingError.self) { _ = try shared.prompts(for: asked) }
            guard case .promptTooLong(place, _, 512, _)? = error else {
                Issue.record("\(error.debugDescription)")
                continue
            }
        }
    }
}

/// A format that ends with the length of all that was said.
private struct CountingPrompts: PromptSource {
    func tokens(of prompt: ChatPrompt) throws -> [Int32] {
        let text = prompt.messages.map { $0.parts.joined() }.joined()
        return ByteTokenizer().encode("\(text)#\(text.utf8.count)", addSpecial: false)
    }
}

/// The format of `PlainPrompts`, which keeps count of messages.
private final class RecordingPrompts: PromptSource {
    /// How many messages each prompt had.
    let counts = Mutex<[Int]>([])
    private let least: Int

    private struct TooShort: Error {}

    init(least: Int = 0) { self.least = least }

    func tokens(of prompt: ChatPrompt) throws -> [Int32] {
        counts.withLock { $0.append(prompt.messages.count) }
        guard prompt.messages.count >= least else { throw TooShort() }
        return try PlainPrompts().tokens(of: prompt)
    }
}
