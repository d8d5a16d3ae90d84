// SPDX-License-Identifier: Apache-2.0

import Conversation
import Serving

/// What of a conversation a model reads that cannot read all of it: instructions, and the last turns.
struct ConversationWindow {
    private let prompt: ChatPrompt
    /// Where turns begin: a user speaks, or whatever comes first.
    private let turns: [Int]

    /// The window over a conversation.
    init(_ prompt: ChatPrompt) {
        self.prompt = prompt
        let messages = prompt.messages
        turns = messages.indices.filter { index in
            messages[index].role == .user && (index == 0 || messages[index - 1].role != .user)
        }
    }

    /// The longest end of the conversation that leaves room for an answer.
    ///
    /// - Parameter model: what reads it.
    /// - Returns: the whole conversation where it fits, or where nothing of it can be left out.
    /// - Throws: `ServingError` for what has nothing to do with its length.
    func fitting(_ model: ServedModel) throws(ServingError) -> ChatPrompt {
        if try fits(prompt, model) { return prompt }
        guard turns.count > 1 else { return prompt }
        // What is left of it gets shorter with each turn that is left out.
        var (least, most) = (1, turns.count - 1)
        while least < most {
            let middle = (least + most) / 2
            if try fits(without(middle), model) { most = middle } else { least = middle + 1 }
        }
        return without(most)
    }

    /// The conversation without so many turns at its beginning.
    private func without(_ count: Int) -> ChatPrompt {
        var shorter = prompt
        let start = turns[count]
        let instructions = prompt.messages[..<start].filter {
            $0.role == .system || $0.role == .developer
        }
        shorter.messages = instructions + prompt.messages[start...]
        return shorter
    }

    private func fits(_ prompt: ChatPrompt, _ model: ServedModel) throws(ServingError) -> Bool {
        do throws(ServingError) {
            // The answer has at least one token.
            _ = try model.tokens(of: .chat(prompt), limit: model.engine.contextLength - 1)
            return true
        } catch {
            if case .promptTooLong = error { return false }
            throw error
        }
    }
}
