// SPDX-License-Identifier: Apache-2.0

import JSON
import Jinja

extension Fuzzer {
    /// JSON texts: what is read is written so that it reads the same.
    static let json = Fuzzer("json") { input in
        let lenient = JSONParser.Limits(
            replacesLoneSurrogates: true, skipsByteOrderMark: true, keepsDigits: true)
        if let value = try? JSONParser.parse(input, limits: lenient) {
            let again = try? JSONParser.parse(value.serializedBytes(), limits: lenient)
            guard again == value else { return "with its digits, it does not read back" }
        }
        let value = try JSONParser.parse(input)
        for style in [JSONStyle.compact, .pretty, .python] {
            let text = value.serialized(style)
            guard (try? JSONParser.parse(text)) == value else { return "does not read back" }
        }
        return nil
    }

    /// Chat templates: what one renders does not depend on when.
    static let jinja = Fuzzer("jinja") { input in
        let limits = TemplateLimits(
            maxSteps: 50_000, maxTextWork: 1 << 20, maxStringLength: 1 << 18, maxItems: 10_000)
        let template = try Template(source: input.text, limits: limits)
        let context = TemplateContext(
            [
                "messages": [
                    ["role": "system", "content": "Be brief."],
                    ["role": "user", "content": [["type": "text", "text": "Hé 😀 {{ x }}"]]],
                    [
                        "role": "assistant", "content": nil,
                        "tool_calls": [
                            ["function": ["name": "f", "arguments": ["a": [1, 2.5, true]]]]
                        ],
                    ],
                ],
                "tools": [["type": "function", "function": ["name": "f", "parameters": [:]]]],
                "add_generation_prompt": true, "n": 7, "empty": [], "text": "a b\n c",
            ], vouched: ["bos_token": "<s>", "eos_token": "</s>"])
        let now = WallClockTime(secondsSince1970: 0)
        let first = try template.render(context, limits: limits, now: now).text
        let second = try template.render(context, limits: limits, now: now).text
        return first == second ? nil : "renders differently the second time"
    }
}
