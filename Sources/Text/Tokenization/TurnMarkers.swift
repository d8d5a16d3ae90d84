// SPDX-License-Identifier: Apache-2.0

/// Tokens that mark turns and gaps by their well-known names, whatever their files say of them.
///
/// Converters and fine-tunes often store these as user-defined text (`"special": false`). Then a
/// user could write them, and an answer would print them and run on.
/// - Source: llama.cpp's llama-vocab.cpp, which makes the same names control tokens, and
///   `does_token_look_special` of its converter.
enum TurnMarkers {
    /// Names that end an answer.
    private static let ends: Set<String> = [
        "<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<|endoftext|>", "<|end_of_text|>",
        "<end_of_turn>", "<|end_of_turn|>", "<|END_OF_TURN_TOKEN|>", "<EOT>", "_<EOT>", "[EOT]",
        "[EOS]", "<|return|>", "<|call|>", "<|calls|>", "<|flush|>", "<end_of_utterance>",
        "<｜end▁of▁sentence｜>", "<turn|>", "<|fim_pad|>", "<|fim_repo|>", "<|repo_name|>",
        "<|file_sep|>",
        // After its calls Gemma 4 waits for what tools say.
        "<|tool_response>",
    ]

    /// Names that begin a turn, or that part a text with a gap.
    private static let others: Set<String> = [
        "<|im_start|>", "<|start_header_id|>", "<|end_header_id|>", "<start_of_turn>",
        "<|START_OF_TURN_TOKEN|>", "<|turn>", "<|system|>", "<|user|>", "<|assistant|>",
        "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[AVAILABLE_TOOLS]",
        "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]",
        "[TOOL_CONTENT]", "[CALL_ID]", "[ARGS]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]",
        "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<fim_prefix>",
        "<fim_suffix>", "<fim_middle>", "<fim_pad>", "<|fim_begin|>", "<|fim_hole|>",
        "<|fim_end|>", "<PRE>", "<SUF>", "<MID>", "<｜fim▁begin｜>", "<｜fim▁hole｜>",
        "<｜fim▁end｜>",
    ]

    /// Whether a token of this name is a control token, whatever its file says.
    static func isControl(_ name: String) -> Bool {
        ends.contains(name) || others.contains(name)
    }

    /// Whether user-defined text looks so much like a control token that no message may name it,
    /// though it has a text in answers.
    static func looksLikeControl(_ name: String) -> Bool {
        name.hasPrefix("<|") && name.hasSuffix("|>") || name.hasPrefix("<｜") && name.hasSuffix("｜>")
            || name.hasPrefix("<unused") && name.hasSuffix(">") || name == "<pad>"
            || name == "<mask>"
    }

    /// The ids of the control tokens that end an answer.
    static func ends(in tokens: some Sequence<(id: Int32, name: String)>) -> Set<Int32> {
        var found = tokens.filter { ends.contains($0.name) }
        let names = Set(found.map(\.name))
        if names.isSuperset(of: ["<|return|>", "<|call|>"]) {
            // Harmony: `<|end|>` ends a message of an answer that goes on.
            found.removeAll { $0.name == "<|end|>" }
        }
        return Set(found.map(\.id))
    }

    /// Makes control tokens of those that have such a name and of those that begin or end a
    /// sequence, where the file has them as text.
    static func mark(_ pieces: [String], _ kinds: inout [TokenKind], _ special: SpecialTokens) {
        for (index, piece) in pieces.enumerated() where isControl(piece) {
            switch kinds[index] {
            case .userDefined, .unused: kinds[index] = .control
            // Ordinary text may be spelled like the others, such as `<PRE>` of HTML.
            case .normal where piece.hasPrefix("<|") || piece.hasSuffix("_of_turn>"):
                kinds[index] = .control
            case .normal, .unknown, .control, .byte: break
            }
        }
        markEnds(special, &kinds)
    }

    /// Makes control tokens of those that begin or end a sequence, where the file has them as
    /// user-defined text.
    static func markEnds(_ special: SpecialTokens, _ kinds: inout [TokenKind]) {
        for id in [special.bos, special.eos].compactMap(\.self)
        where kinds[Int(id)] == .userDefined {
            kinds[Int(id)] = .control
        }
    }
}
