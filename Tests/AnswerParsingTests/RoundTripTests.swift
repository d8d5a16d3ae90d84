// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import Conversation
import ConversationSupport
import Foundation
import JSON
import Recognition
import Testing
import Tokenization

/// Every format reads back what its models write, however that is cut.
@Suite struct RoundTripTests {
    /// How one family's calls are written.
    struct Family: Sendable, CustomTestStringConvertible {
        let name: String
        let format: any AnswerFormat
        /// Names of control tokens of the vocabulary; the marks that are not among them are text.
        let controls: [String]
        /// Marks that strings of arguments may hold, too.
        let marks: [String]
        /// How many calls an answer may have.
        var maxCalls = 3
        /// Whether an answer may have text before its calls, and what then parts them.
        var separator: String?
        /// What opens and closes thinking, if the family thinks.
        var thinking: (opening: String, closing: String)?
        /// What stands before a text.
        var textOpening = ""
        /// Whether its structure holds values of any type, however deep.
        var holdsAnyValue = true
        /// Whether calls that must come are written in another way.
        var isOnlyRead = false
        /// Whether its structure takes its calls for text.
        var isText = false
        /// What its structure does not let a string have.
        var forbidden: String?
        let write: @Sendable ([RandomCalls.Call]) -> String

        var testDescription: String { name }
    }

    private static func python(_ value: JSONValue) -> String { value.serialized(.python) }

    private static func hermes(_ calls: [RandomCalls.Call]) -> String {
        calls.map {
            "⟦<tool_call>⟧\n{\"name\": \"\($0.name)\", \"arguments\": \(python($0.arguments))}\n⟦</tool_call>⟧"
        }.joined(separator: "\n")
    }

    private static func untagged(_ calls: [RandomCalls.Call]) -> String {
        calls.map {
            "{\n  \"name\": \"\($0.name)\",\n  \"arguments\": \(python($0.arguments))\n}"
        }.joined(separator: "\n")
    }

    private static func list(_ calls: [RandomCalls.Call]) -> String {
        "⟦[TOOL_CALLS]⟧["
            + calls.map {
                "{\"name\": \"\($0.name)\", \"arguments\": \(python($0.arguments)), \"id\": \"abcDEF123\"}"
            }.joined(separator: ", ") + "]"
    }

    private static func named(_ calls: [RandomCalls.Call], id: String) -> String {
        calls.map { "⟦[TOOL_CALLS]⟧\($0.name)\(id)⟦[ARGS]⟧\(python($0.arguments))" }.joined()
    }

    private static func qwenCoder(_ calls: [RandomCalls.Call]) -> String {
        calls.map { call in
            let arguments = (call.arguments.objectValue ?? [:]).map { key, value in
                let text =
                    switch value {
                    case .string(let text): text
                    case .bool(let flag): flag ? "True" : "False"
                    default: python(value)
                    }
                return "⟦<parameter=⟧\(key)>\n\(text)\n⟦</parameter>⟧\n"
            }
            return
                "⟦<tool_call>⟧\n⟦<function=⟧\(call.name)>\n\(arguments.joined())⟦</function>⟧\n⟦</tool_call>⟧"
        }.joined(separator: "\n")
    }

    private static func glm(_ calls: [RandomCalls.Call], line: String) -> String {
        calls.map { call in
            let arguments = (call.arguments.objectValue ?? [:]).map { key, value in
                "⟦<arg_key>⟧\(key)⟦</arg_key>⟧\(line)⟦<arg_value>⟧\(value.stringValue ?? python(value))"
                    + "⟦</arg_value>⟧\(line)"
            }
            return "⟦<tool_call>⟧\(call.name)\(line)\(arguments.joined())⟦</tool_call>⟧"
        }.joined(separator: "\n")
    }

    private static func gemma(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): "⟦<|\"|>⟧\(text)⟦<|\"|>⟧"
        case .object(let object):
            "{" + object.map { "\($0.key):\(gemma($0.value))" }.joined(separator: ",") + "}"
        case .array(let values): "[" + values.map(gemma).joined(separator: ",") + "]"
        case .null: "None"
        default: python(value)
        }
    }

    private static func kimi(_ calls: [RandomCalls.Call]) -> String {
        "⟦<|tool_calls_section_begin|>⟧"
            + calls.enumerated().map {
                "⟦<|tool_call_begin|>⟧functions.\($1.name):\($0)⟦<|tool_call_argument_begin|>⟧"
                    + "\(python($1.arguments))⟦<|tool_call_end|>⟧"
            }.joined() + "⟦<|tool_calls_section_end|>⟧"
    }

    private static func deepSeek(_ calls: [RandomCalls.Call], isFenced: Bool) -> String {
        let texts = calls.map { call in
            let arguments = python(call.arguments)
            return "⟦<｜tool▁call▁begin｜>⟧"
                + (isFenced
                    ? "function⟦<｜tool▁sep｜>⟧\(call.name)\n```json\n\(arguments)\n```"
                    : "\(call.name)⟦<｜tool▁sep｜>⟧\(arguments)")
                + "⟦<｜tool▁call▁end｜>⟧"
        }
        return "⟦<｜tool▁calls▁begin｜>⟧\(texts.joined(separator: isFenced ? "\n" : ""))"
            + "⟦<｜tool▁calls▁end｜>⟧"
    }

    private static func command(_ calls: [RandomCalls.Call]) -> String {
        "⟦<|START_ACTION|>⟧[\n    "
            + calls.enumerated().map {
                "{\"tool_call_id\": \"\($0)\", \"tool_name\": \"\($1.name)\", "
                    + "\"parameters\": \(python($1.arguments))}"
            }.joined(separator: ",\n    ") + "\n]⟦<|END_ACTION|>⟧"
    }

    private static let deepSeekControls = [
        "<s>", "</s>", "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>",
        "<｜tool▁call▁end｜>", "<｜tool▁sep｜>",
    ]

    private static let mistralControls = [
        "<s>", "</s>", "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "[THINK]", "[/THINK]",
    ]

    static let families: [Family] = [
        Family(
            name: "hermes, tags are text", format: HermesFormat(thinking: .tags),
            controls: ["<s>", "</s>"], marks: ["<tool_call>", "</tool_call>", "<think>"],
            separator: "\n", thinking: ("⟦<think>⟧\n", "\n⟦</think>⟧\n\n"), write: hermes),
        Family(
            name: "hermes, tags are control tokens", format: HermesFormat(thinking: .tags),
            controls: ["<s>", "</s>", "<tool_call>", "</tool_call>", "<think>", "</think>"],
            marks: ["<tool_call>", "</tool_call>"], separator: "\n",
            thinking: ("⟦<think>⟧\n", "\n⟦</think>⟧\n\n"), write: hermes),
        Family(
            name: "hermes, without tags", format: HermesFormat(thinking: .tags),
            controls: ["<s>", "</s>"], marks: ["<tool_call>", "```", "<think>"],
            thinking: ("⟦<think>⟧\n", "\n⟦</think>⟧\n\n"), isText: true, write: untagged),
        Family(
            name: "hermes, in blocks", format: HermesFormat(), controls: ["<s>", "</s>"],
            marks: ["<tool_call>", "```", "```json"], isText: true,
            write: {
                $0.map { "```json\n\(untagged([$0]))\n```" }.joined(separator: "\n\n")
            }),
        Family(
            name: "mistral v3", format: MistralAnswerFormat(version: .v3),
            controls: mistralControls, marks: ["[TOOL_CALLS]", "}]", "\"id\""], write: list),
        Family(
            name: "mistral v7", format: MistralAnswerFormat(version: .v7),
            controls: mistralControls, marks: ["[TOOL_CALLS]", "}]"], separator: "", write: list),
        Family(
            name: "mistral v11", format: MistralAnswerFormat(version: .v11),
            controls: mistralControls, marks: ["[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"],
            separator: "", write: { named($0, id: "⟦[CALL_ID]⟧abcDEF123") }),
        Family(
            name: "mistral v13", format: MistralAnswerFormat(version: .v13, thinking: .mistral),
            controls: mistralControls, marks: ["[TOOL_CALLS]", "[ARGS]", "[/THINK]"],
            separator: "", thinking: ("⟦[THINK]⟧", "⟦[/THINK]⟧"), write: { named($0, id: "") }),
        Family(
            name: "llama, bare", format: LlamaFormat(), controls: ["<s>", "</s>"],
            marks: ["<|python_tag|>", "; "], maxCalls: 1,
            write: {
                $0.map { "{\"name\": \"\($0.name)\", \"parameters\": \(python($0.arguments))}" }
                    .joined(separator: "; ")
            }),
        Family(
            name: "llama, tag", format: LlamaFormat(), controls: ["<s>", "</s>", "<|python_tag|>"],
            marks: ["<|python_tag|>", "; "],
            write: {
                "⟦<|python_tag|>⟧"
                    + $0.map {
                        "{\"name\": \"\($0.name)\", \"parameters\": \(python($0.arguments))}"
                    }
                    .joined(separator: "; ")
            }),
        Family(
            name: "llama, function tag", format: LlamaFormat(), controls: ["<s>", "</s>"],
            marks: ["</function>", "<function="], maxCalls: 1, separator: "",
            isOnlyRead: true,
            write: {
                $0.map { "<function=\($0.name)>\(python($0.arguments))</function>" }.joined()
            }),
        Family(
            name: "qwen-coder", format: TaggedArgumentFormat(.qwenCoder, thinking: .tags),
            controls: ["<s>", "</s>"],
            marks: ["<tool_call>", "</tool_call>", "</parameter>", "<function="],
            separator: "\n", thinking: ("⟦<think>⟧\n", "\n⟦</think>⟧\n\n"),
            forbidden: "</parameter>", write: qwenCoder),
        Family(
            name: "glm 4.6", format: TaggedArgumentFormat(.glm, thinking: .tags),
            controls: ["<s>", "</s>"], marks: ["<tool_call>", "<arg_value>", "</arg_key>"],
            separator: "\n", thinking: ("⟦<think>⟧", "⟦</think>⟧\n"), write: { glm($0, line: "\n") }
        ),
        Family(
            name: "glm 4.7", format: TaggedArgumentFormat(.glm, thinking: .tags),
            controls: ["<s>", "</s>", "<tool_call>", "</tool_call>", "<arg_key>", "</arg_key>"],
            marks: ["<tool_call>", "</tool_call>", "<arg_key>", "<arg_value>"], separator: "\n",
            thinking: ("⟦<think>⟧", "⟦</think>⟧"), write: { glm($0, line: "") }),
        Family(
            name: "kimi k2", format: SectionedCallFormat(.kimi, thinking: .tags),
            controls: [
                "<s>", "</s>", "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>",
                "<|tool_call_begin|>", "<|tool_call_end|>", "<|tool_call_argument_begin|>",
            ], marks: ["<|tool_call_end|>", "<|tool_call_begin|>"], separator: "",
            thinking: ("⟦<think>⟧", "⟦</think>⟧"), write: kimi),
        Family(
            name: "kimi k2, marks are text", format: SectionedCallFormat(.kimi),
            controls: ["<s>", "</s>"],
            marks: ["<|tool_call_end|>", "<|tool_calls_section_end|>", "<|tool"], separator: "",
            write: kimi),
        Family(
            name: "deepseek v3.1", format: SectionedCallFormat(.deepSeek, thinking: .tags),
            controls: deepSeekControls, marks: ["<｜tool▁call▁end｜>", "<｜"], separator: "",
            thinking: ("⟦<think>⟧", "⟦</think>⟧"), write: { deepSeek($0, isFenced: false) }),
        Family(
            name: "deepseek v3", format: SectionedCallFormat(.deepSeekFenced),
            controls: deepSeekControls, marks: ["<｜tool▁sep｜>", "```", "\n```json\n"],
            separator: "", write: { deepSeek($0, isFenced: true) }),
        Family(
            name: "granite 3.3", format: ListedCallFormat(.granite),
            controls: ["<s>", "</s>", "<|tool_call|>"], marks: ["<|tool_call|>", "}]"],
            separator: "",
            write: {
                "⟦<|tool_call|>⟧["
                    + $0.map {
                        "{\"name\": \"\($0.name)\", \"arguments\": \(python($0.arguments))}"
                    }.joined(separator: ", ") + "]"
            }),
        Family(
            name: "command r7b", format: ListedCallFormat(.commandR, thinking: .command),
            controls: [
                "<s>", "</s>", "<|START_ACTION|>", "<|END_ACTION|>", "<|START_THINKING|>",
                "<|END_THINKING|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>",
            ], marks: ["<|END_ACTION|>", "}]", "\"tool_name\""], separator: "⟦<|END_RESPONSE|>⟧",
            thinking: ("⟦<|START_THINKING|>⟧", "⟦<|END_THINKING|>⟧"),
            textOpening: "⟦<|START_RESPONSE|>⟧", write: command),
        Family(
            name: "gpt-oss", format: HarmonyFormat(),
            controls: [
                "<s>", "</s>", "<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|call|>",
                "<|return|>", "<|constrain|>",
            ], marks: ["<|channel|>", "<|call|>", "<|end|>"], maxCalls: 1,
            separator: "⟦<|end|>⟧⟦<|start|>⟧assistant",
            thinking: ("⟦<|channel|>⟧analysis⟦<|message|>⟧", "⟦<|end|>⟧⟦<|start|>⟧assistant"),
            textOpening: "⟦<|channel|>⟧commentary⟦<|message|>⟧",
            write: {
                $0.map {
                    "⟦<|channel|>⟧commentary to=functions.\($0.name) ⟦<|constrain|>⟧json⟦<|message|>⟧"
                        + "\(python($0.arguments))⟦<|call|>⟧"
                }.joined()
            }),
        Family(
            name: "gemma 4", format: GemmaFormat(),
            controls: [
                "<s>", "</s>", "<|tool_call>", "<tool_call|>", "<|\"|>", "<|channel>",
                "<channel|>",
            ], marks: ["<|tool_call>", "<tool_call|>", "<|\"|>"], separator: "",
            thinking: ("⟦<|channel>⟧thought\n", "\n⟦<channel|>⟧"), holdsAnyValue: false,
            write: {
                $0.map { "⟦<|tool_call>⟧call:\($0.name)\(gemma($0.arguments))⟦<tool_call|>⟧" }
                    .joined()
            }),
    ]

    /// How many answers of each family are read; more by hand.
    private static let count =
        ProcessInfo.processInfo.environment["CIERZO_ROUND_TRIPS"].flatMap { Int($0) } ?? 60

    @Test(arguments: families)
    func `calls are read back equal, whole or in any pieces`(family: Family) throws {
        let tokenizer = ByteTokenizer(controls: family.controls)
        var random = RandomCalls(seed: 12, marks: family.marks)
        var plan = AnswerPlan()
        plan.tools = RandomCalls.tools
        plan.seed = 0
        for _ in 0..<Self.count {
            var answer: [Part] = []
            var expected: [AnswerPiece] = []
            let calls = (0...random.number(below: family.maxCalls)).map { _ in random.call() }
            if let thinking = family.thinking, random.number(below: 3) == 0 {
                answer += [
                    .format(thinking.opening), .text("I see «it»."), .format(thinking.closing),
                ]
                expected.append(.thinking("I see «it»."))
            }
            if let separator = family.separator, random.number(below: 3) == 0 {
                answer += [
                    .format(family.textOpening), .text("Well <: \"x\"\n\n1 < 2"),
                    .format(separator),
                ]
                expected.append(.text("Well <: \"x\"\n\n1 < 2"))
            }
            answer.append(.format(family.write(calls)))
            let tokens = Self.tokens(answer, family, tokenizer)
            let whole = AnswerReading.pieces(of: tokens, family.format, plan, tokenizer) { _ in
                .max
            }
            #expect(Self.values(whole) == Self.values(expected, calls))
            let cut = AnswerReading.pieces(of: tokens, family.format, plan, tokenizer) { _ in
                random.number(below: 9) + 1
            }
            #expect(cut == whole)
        }
    }

    @Test(arguments: families.filter { !$0.isText })
    func `what models write is what their format's structure allows`(family: Family) throws {
        let tokenizer = ByteTokenizer(controls: family.controls)
        var random = RandomCalls(seed: 7, marks: family.marks)
        var plan = AnswerPlan()
        plan.tools = RandomCalls.tools
        if !family.isOnlyRead { plan.choice = .required(allowed: nil) }
        let structure = try #require(family.format.structure(for: plan, tokenizer: tokenizer))
        let recognizer = try StructureRecognizer(structure)
        func isAllowed(_ calls: [RandomCalls.Call]) -> Bool {
            let tokens = Self.tokens([.format(family.write(calls))], family, tokenizer)
            return recognizer.accepts(tokens, tokenizer)
        }
        for _ in 0..<Self.count / 4 {
            var calls = (0...random.number(below: family.maxCalls)).map { _ in random.call() }
            // Llama's templates refuse messages of several calls.
            if family.format is LlamaFormat { calls.removeLast(calls.count - 1) }
            if !family.holdsAnyValue { calls = calls.map(\.withoutNesting) }
            let text = calls.map { $0.arguments.serialized() }.joined()
            if let forbidden = family.forbidden, text.contains(forbidden) { continue }
            #expect(isAllowed(calls), "\(family.write(calls).debugDescription)")
            #expect(!isAllowed([.init(name: "other", arguments: calls[0].arguments)]))
            #expect(!isAllowed([.init(name: "f", arguments: ["p1": 1])]))
            #expect(!isAllowed([.init(name: "f", arguments: ["p0": "a", "p1": "b"])]))
        }
    }

    private enum Part {
        /// What the format writes, in which its control tokens are.
        case format(String)
        /// What a model says.
        case text(String)
    }

    /// The tokens of an answer: what stands between ⟦ and ⟧ is a mark, which is a control token
    /// where the vocabulary has it.
    private static func tokens(
        _ parts: [Part], _ family: Family, _ tokenizer: ByteTokenizer
    ) -> [Int32] {
        var tokens: [Int32] = []
        for part in parts {
            guard case .format(let text) = part else {
                if case .text(let text) = part {
                    tokens += tokenizer.encode(text, addSpecial: false)
                }
                continue
            }
            for (place, piece) in text.split(
                omittingEmptySubsequences: false, whereSeparator: { "⟦⟧".contains($0) }
            ).enumerated() {
                if place.isMultiple(of: 2) {
                    tokens += tokenizer.encode(String(piece), addSpecial: false)
                } else {
                    tokens += tokenizer.encode([.templated(String(piece))])
                }
            }
        }
        return tokens
    }

    /// Pieces with their arguments as values and without identities.
    private static func values(
        _ pieces: [AnswerPiece], _ calls: [RandomCalls.Call] = []
    ) -> [JSONValue] {
        var result: [JSONValue] = []
        for piece in pieces {
            switch piece {
            case .text(let text): result.append(["text": .string(text)])
            case .thinking(let text): result.append(["thinking": .string(text)])
            case .callBegun(_, _, let name): result.append(["call": .string(name)])
            case .callArguments(_, let text):
                let value = (try? JSONParser.parse(text)) ?? .string("not JSON: " + text)
                result.append(["arguments": value])
            case .callEnded: result.append("end")
            case .callCut: result.append("cut")
            }
        }
        for call in calls {
            result += [["call": .string(call.name)], ["arguments": call.arguments], "end"]
        }
        return result
    }
}

extension RandomCalls.Call {
    /// The call without lists and objects among its arguments.
    fileprivate var withoutNesting: Self {
        let members = (arguments.objectValue ?? [:]).filter {
            $0.value.arrayValue == nil && $0.value.objectValue == nil
        }
        return .init(
            name: name, arguments: .object(JSONObject(members.map { ($0.key, $0.value) })))
    }
}

extension StructureRecognizer {
    /// Whether an answer may consist of these tokens; one that ends answers may stand at its end.
    func accepts(_ tokens: [Int32], _ tokenizer: ByteTokenizer) -> Bool {
        var state = start
        let text = RecognizedText()
        for (place, token) in tokens.enumerated() {
            if tokenizer.isControl(token) {
                let isEnd = tokenizer.controls[Int(token)] == "<|call|>"
                if isEnd, place == tokens.count - 1 { break }
                state = advance(state, byControl: token, after: text)
                if state.isDead { return false }
                continue
            }
            for byte in tokenizer.bytes(of: token) {
                state = advance(state, by: byte, after: text)
                if state.isDead { return false }
                text.append(byte)
            }
        }
        return canEnd(state, after: text)
    }
}
