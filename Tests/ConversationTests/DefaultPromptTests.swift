// SPDX-License-Identifier: Apache-2.0

import Conversation
import JSON
import Testing
import Tokenization

@Suite struct DefaultPromptTests {
    @Test(.enabled(if: Goldens.folder("CIERZO_DEFAULT_MODEL") != nil))
    func `prompts of the default model are those of transformers token for token`() throws {
        let golden = try Goldens.json("default-prompts")
        let path = try #require(Goldens.folder("CIERZO_DEFAULT_MODEL"))
        let tokenizer = try TokenizerLoader.load(path: path)
        let choice = try PromptFormat.choose(
            .init(templates: ["default": try #require(golden["template"]?.stringValue)]),
            tokenizer: tokenizer)
        #expect(choice.warnings.isEmpty)
        let encoder = PromptEncoder(tokenizer: tokenizer, format: choice.format)
        for prompt in try #require(golden["prompts"]?.arrayValue) {
            let messages = try #require(prompt["messages"]?.arrayValue).map(Message.init(wire:))
            let ids = try encoder.encode(
                messages: messages, addGenerationPrompt: prompt["generate"]?.boolValue ?? false,
                continueFinal: prompt["continue"]?.boolValue ?? false)
            #expect(ids.map { JSONValue.integer(Int($0)) } == prompt["ids"]?.arrayValue)
        }
    }
}
