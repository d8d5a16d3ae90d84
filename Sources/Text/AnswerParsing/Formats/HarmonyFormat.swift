// SPDX-License-Identifier: Apache-2.0

package import Recognition
package import Tokenization

/// The messages of gpt-oss: thinking on the channel `analysis`, answers on `final`, calls on
/// `commentary` to a function.
package struct HarmonyFormat: AnswerFormat {
    package let name = "gpt-oss"

    /// Thinking is a message on a channel of its own.
    package let thinking: ThinkingMarks? = ThinkingMarks(
        opening: "<|channel|>analysis<|message|>", closing: "<|end|>", dropsLineFeeds: false)

    package let textOpening = "<|channel|>final<|message|>"

    /// The format.
    package init() {}

    package func structure(for plan: AnswerPlan, tokenizer: any Tokenizer) -> Structure? {
        if plan.tools.isEmpty, plan.output == nil { return nil }
        func mark(_ sign: HarmonyMachine.Sign) -> Mark { Mark(sign.text, tokenizer) }
        let ends: [HarmonyMachine.Sign] = [.start, .channel, .message, .end, .call, .return]
        let body = Structure.freeText(until: ends.map(mark))
        let next = Structure.sequence([
            mark(.end).structure, mark(.start).structure, .literal("assistant"),
        ])
        func message(_ channel: String, _ content: Structure) -> Structure {
            .sequence([
                mark(.channel).structure, .literal(channel), mark(.message).structure, content,
            ])
        }
        let calls = plan.callableTools.map { call(of: $0, mark) }
        if plan.continuesText, !plan.beginsThinking {
            if calls.isEmpty { return plan.output ?? body }
            let call = Structure.sequence([next, .anyOf(calls)])
            return .sequence([body, plan.requiresCall ? call : .optional(call)])
        }
        var answers: [Structure] = []
        if !plan.requiresCall || calls.isEmpty {
            answers.append(message("final", plan.output ?? body))
        }
        if !calls.isEmpty {
            let call = Structure.anyOf(calls)
            answers.append(call)
            if !plan.requiresCall, plan.output == nil {
                answers.append(.sequence([message("commentary", body), next, call]))
            }
        }
        let answer = Structure.anyOf(answers)
        let thought = Structure.sequence([message("analysis", body), next])
        if plan.beginsThinking { return .sequence([body, next, answer]) }
        if !plan.allowsThinking { return answer }
        return .sequence([.repetition(thought, least: 0, most: nil), answer])
    }

    /// A call, its recipient before the channel as in prompts, or after it as models write it.
    private func call(
        of tool: Tool, _ mark: (HarmonyMachine.Sign) -> Mark
    ) -> Structure {
        let recipient = " to=functions.\(tool.name)"
        let before = Structure.sequence([
            .literal(recipient), mark(.channel).structure, .literal("commentary json"),
        ])
        let after = Structure.sequence([
            mark(.channel).structure, .literal("commentary" + recipient + " "),
            mark(.constrain).structure, .literal("json"),
        ])
        return .sequence([
            .choice([after, before]), mark(.message).structure, tool.argumentStructure,
        ])
    }

    package func reader(for plan: AnswerPlan, tokenizer: any Tokenizer) -> any AnswerReader {
        let marks = HarmonyMachine.Sign.allCases.map { Mark($0.text, tokenizer) }
        var machine = HarmonyMachine(marks)
        if plan.beginsThinking {
            machine.beginThinking()
        } else if plan.continuesText {
            machine.beginText()
        }
        return SymbolReader(machine, plan: plan)
    }
}
