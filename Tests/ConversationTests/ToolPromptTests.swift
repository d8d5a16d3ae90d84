// SPDX-License-Identifier: Apache-2.0

import Conversation
import ConversationSupport
import Foundation
import JSON
import Testing

/// Conversations with tools as real templates write them, compared by hand with transformers.
@Suite struct ToolPromptTests {
    private static let path = ProcessInfo.processInfo.environment["CIERZO_TOOL_PROMPTS"]

    /// The file is a list of `{"file", "messages", "tools", "expected"}`, what transformers'
    /// `render_jinja_template` gives with `<s>` and `</s>`; null where the template refuses.
    @Test(.enabled(if: path != nil))
    func `prompts with tools, calls and results are those of transformers`() throws {
        let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: try #require(Self.path))))
        let cases = try #require(JSONParser.parse(bytes).arrayValue)
        let tokenizer = ByteTokenizer(controls: ["<s>", "</s>"])
        var encoders: [String: PromptEncoder] = [:]
        var count = 0
        for item in cases {
            let file = try #require(item["file"]?.stringValue)
            guard let expected = item["expected"]?.stringValue else { continue }
            if encoders[file] == nil {
                let source = try String(contentsOfFile: file, encoding: .utf8)
                encoders[file] = PromptEncoder(
                    tokenizer: tokenizer, format: .template(try ChatTemplate(source: source)))
            }
            guard let encoder = encoders[file], !encoder.describesTools else { continue }
            let ids = try encoder.encode(
                messages: (item["messages"]?.arrayValue ?? []).map(Message.init(wire:)),
                tools: item["tools"]?.arrayValue ?? [])
            let text = tokenizer.shown(ids, marksControls: false)
            let name = URL(fileURLWithPath: file).lastPathComponent
            #expect(text == expected, "\(name): \(item["name"]?.stringValue ?? "")")
            count += 1
        }
        #expect(count > 0)
    }
}
