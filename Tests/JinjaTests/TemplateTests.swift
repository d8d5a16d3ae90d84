// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import Jinja
import Testing

@Suite struct TemplateTests {
    /// What a template renders to, or nil for an error.
    private func rendering(_ source: String, _ context: JSONObject, now: Int = 0) -> String? {
        guard let template = try? Template(source: source) else { return nil }
        return try? template.render(
            TemplateContext(context), now: WallClockTime(secondsSince1970: now)
        ).text
    }

    @Test func `every feature renders as Jinja2 renders it`() throws {
        let golden = try Goldens.json("template-cases")
        let conversations = try Goldens.json("template-conversations")
        let now = try #require(conversations["now"]?.intValue)
        let context = try #require(golden["context"]?.objectValue)
        let cases = try #require(golden["cases"]?.arrayValue)
        #expect(cases.count > 800)
        for item in cases {
            let source = try #require(item[0]?.stringValue)
            let rendered = rendering(source, context, now: now)
            #expect(rendered == item[1]?.stringValue, "\(source)")
        }
    }

    @Test func `random templates render as Jinja2 renders them`() throws {
        let golden = try Goldens.json("template-random")
        let context = try #require(golden["context"]?.objectValue)
        for item in try #require(golden["cases"]?.arrayValue) {
            let source = try #require(item[0]?.stringValue)
            #expect(rendering(source, context) == item[1]?.stringValue, "\(source)")
        }
    }

    @Test(.enabled(if: Goldens.folder("CIERZO_TEMPLATE_DIR") != nil))
    func `real chat templates render as Jinja2 renders them`() throws {
        let folder = try #require(Goldens.folder("CIERZO_TEMPLATE_DIR"))
        let golden = try Goldens.json("template-conversations")
        let hashes = try #require(try Goldens.json("template-hashes").objectValue)
        let now = try #require(golden["now"]?.intValue)
        let conversations = try #require(golden["conversations"]?.arrayValue)
        for (name, hashes) in hashes {
            let row = (hashes.stringValue ?? "").split(separator: " ").map(String.init)
            let source = try Goldens.text("\(folder)/\(name).jinja")
            for (i, conversation) in conversations.enumerated() {
                let context = try #require(conversation["context"]?.objectValue)
                let rendered = rendering(source, context, now: now)
                let hash = rendered.map(Goldens.hash) ?? "error"
                let label = conversation["name"]?.stringValue ?? ""
                #expect(hash == row[i], "\(name), \(i) \(label)")
                if hash != row[i], let dump = Goldens.folder("CIERZO_TEMPLATE_DUMP") {
                    try Data((rendered ?? "error").utf8).write(
                        to: URL(filePath: "\(dump)/\(name).\(i).ours.txt"))
                }
            }
        }
    }
}
