// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import Conversation
import ConversationSupport
import Foundation
import Testing
import Tokenization

@Suite struct AnswerFormatsTests {
    private let tokenizer = ByteTokenizer(controls: ["<s>", "</s>"])

    private func choice(_ source: String, setting: String? = nil) throws -> AnswerFormats.Choice {
        let prompts = PromptEncoder(
            tokenizer: tokenizer, format: .template(try ChatTemplate(source: source)))
        return try AnswerFormats.choose(setting: setting, prompts: prompts, tokenizer: tokenizer)
    }

    @Test func `a template without a place for tools has the general format`() throws {
        let choice = try choice(PromptFormat.chatML)
        #expect(choice.format.name == "general")
        #expect(choice.prompts.describesTools)
    }

    @Test func `a template whose calls are unknown has the general format`() throws {
        let choice = try choice("{{ tools }}<|calls|>{{ messages }}")
        #expect(choice.format.name == "general")
        #expect(choice.prompts.describesTools)
    }

    @Test func `a setting is followed, and an unknown one refused`() throws {
        #expect(try choice(PromptFormat.chatML, setting: "glm").format.name == "glm")
        #expect(try choice("{{ tools }}<tool_call>", setting: "general").prompts.describesTools)
        #expect(throws: AnswerFormats.UnknownFormat.self) {
            try choice(PromptFormat.chatML, setting: "morse")
        }
    }

    @Test func `every name makes the format of that name`() throws {
        for name in AnswerFormats.names {
            #expect(try choice(PromptFormat.chatML, setting: name).format.name == name)
        }
    }

    private static let templates = ProcessInfo.processInfo.environment["CIERZO_TEMPLATE_DIR"]

    @Test(
        .enabled(if: templates != nil),
        arguments: [
            ("Qwen-Qwen2.5-7B-Instruct", "hermes"), ("Qwen-Qwen3-0.6B", "hermes"),
            ("NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", "hermes"),
            ("Qwen3-Coder", "qwen-coder"), ("Qwen3.5-4B", "qwen-coder"), ("GLM-4.6", "glm"),
            ("GLM-4.7-Flash", "glm"), ("meta-llama-Llama-3.1-8B-Instruct", "llama3"),
            ("meta-llama-Llama-3.3-70B-Instruct", "llama3"), ("openai-gpt-oss-120b", "gpt-oss"),
            ("google-gemma-4-31B-it", "gemma4"), ("google-gemma-2-2b-it", "general"),
            ("mistralai-Mistral-Nemo-Instruct-2407", "mistral-v3"),
            ("Mistral-Small-3.2-24B-Instruct-2506", "mistral-v11"),
            ("mistralai-Ministral-3-14B-Reasoning-2512", "mistral-v13"),
            ("microsoft-Phi-3.5-mini-instruct", "general"), ("Kimi-K2-Instruct", "kimi-k2"),
            ("CohereForAI-c4ai-command-r7b-12-2024-tool_use", "command-r"),
            ("ibm-granite-granite-3.3-2B-Instruct", "granite"),
            ("ibm-granite-granite-4.0", "hermes"),
        ])
    func `real templates have the format of their family`(file: String, name: String) throws {
        let folder = try #require(Self.templates)
        let source = try String(contentsOfFile: "\(folder)/\(file).jinja", encoding: .utf8)
        #expect(try choice(source).format.name == name)
    }

    @Test func `a model that thinks between tags is known by its template`() throws {
        #expect(try choice("{{ tools }}<tool_call></tool_call>").format.thinking == nil)
        #expect(
            try choice("{{ tools }}<tool_call></tool_call>arguments<think></think>").format.thinking
                == .tags)
        let marks = ThinkingMarks.tags
        #expect(
            marks.areOpen(atEndOf: tokenizer.encode("a<think>\n", addSpecial: false), tokenizer))
        #expect(
            !marks.areOpen(
                atEndOf: tokenizer.encode("<think>\n\n</think>\n\n", addSpecial: false), tokenizer))
    }
}
