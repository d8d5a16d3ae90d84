// SPDX-License-Identifier: Apache-2.0

import JSON

/// A field of another server that changes the answer there and has no counterpart here.
///
/// Nothing is ignored silently: such a field is taken at the value that changes nothing, which
/// clients send that cannot leave it out, and refused at any other. Names that peers have for a
/// field of this API are read with it (`FieldReader.agreed`); fields that change how an answer is
/// computed and never what it says are ``IgnoredFields``.
struct PeerField: Sendable {
    /// The values that change nothing; nil for `false`, 0 and whatever is empty.
    let neutral: [JSONValue]?

    /// What to do instead.
    let reason: String

    /// Whether the value asks for nothing.
    private func isNeutral(_ value: JSONValue) -> Bool {
        guard let neutral else { return value.asksForNothing }
        return neutral.contains { candidate in
            if let number = candidate.doubleValue { return value.doubleValue == number }
            return value == candidate
        }
    }

    /// Refuses the first member that changes the answer at its peer.
    static func check(_ fields: FieldReader) throws(FieldError) {
        for key in fields.object.keys {
            guard let peer = all[key], let value = fields.value(key), !peer.isNeutral(value) else {
                continue
            }
            throw .unsupported(fields.path.appending(key), reason: peer.reason)
        }
    }

    /// Adds what only one kind of request refuses.
    static func refuse(_ keys: [String], _ fields: FieldReader, reason: String) throws(FieldError) {
        for key in keys { try fields.refuse(key, reason: reason) }
    }
}

extension PeerField {
    /// The table, by name.
    static let all: [String: PeerField] = {
        var table: [String: PeerField] = [:]
        for (names, neutral, reason) in switches + sampling + endings + prompts + output
            + formats
        {
            for name in names { table[name] = PeerField(neutral: neutral, reason: reason) }
        }
        return table
    }()

    /// The table as declarations, by name.
    static let list = FieldList {
        all.sorted { $0.key < $1.key }.map { name, peer in
            FieldDeclaration.refused(name, neutral: peer.neutral, reason: peer.reason)
        }
    }

    private typealias Row = (names: [String], neutral: [JSONValue]?, reason: String)

    /// Constraints under names of their own, and adapters.
    private static let switches: [Row] = [
        (
            [
                "guided_decoding", "structural_tag", "regex", "ebnf", "format", "grammar_string",
            ],
            nil, "not read; use response_format, or structured_outputs"
        ),
        (
            ["lora", "lora_path", "lora_request", "adapter_id", "adapter"], nil,
            "not read; name an adapter as the model"
        ),
        (
            ["logits_processors", "custom_logit_processor", "vllm_xargs", "watermark"], nil,
            "not supported"
        ),
        (["options"], nil, "not read; its members belong beside 'model', under the same names"),
        (["extra_body"], nil, "not read; its members belong beside 'model'"),
    ]

    /// Ways to choose a token.
    private static let sampling: [Row] = [
        (
            ["num_beams", "beam_width"], [1, 0],
            "not read; use use_beam_search, with best_of or n for its width"
        ),
        (["tfs_z", "tfs"], [1], "not supported; send 1, and use typical_p, top_p or min_p"),
        (["top_a"], [0], "not supported; send 0"),
        (
            [
                "dynamic_temperature", "smoothing_factor", "epsilon_cutoff",
                "eta_cutoff", "penalty_alpha", "no_repeat_ngram_size", "temperature_last",
                "top_n_tokens", "skew", "repetition_decay",
            ],
            nil, "not supported; leave it out"
        ),
        (
            ["sampler_order", "sampler_priority", "sampler_seq"], nil,
            "not read; use samplers, in llama.cpp's names or letters"
        ),
        (
            ["guidance_scale", "cfg_scale", "encoder_repetition_penalty"], [1],
            "not supported; send 1"
        ),
        (["negative_prompt"], nil, "not supported; leave it out"),
        (["do_sample"], [true], "not read; send temperature 0 for the most probable tokens"),
    ]

    /// Where an answer ends, and what it may not say.
    private static let endings: [Row] = [
        (
            ["max_length", "min_length"], nil,
            "not read, since servers disagree on what it counts; use max_tokens or min_tokens"
        ),
        (
            ["t_max_predict_ms", "t_max_prompt_ms"], [0, -1],
            "not supported; use max_time, in seconds"
        ),
        (["n_indent"], [0], "not supported; send 0"),
        (["stop_regex", "stop_regexes"], nil, "not supported; use stop"),
        (
            [
                "banned_tokens", "banned_strings", "custom_token_bans", "ban_eos_token",
            ],
            nil, "not supported; use bad_words, bad_words_ids, logit_bias or ignore_eos"
        ),
    ]

    /// What the model reads.
    private static let prompts: [Row] = [
        (
            ["truncate_prompt_tokens", "truncate", "truncate_for_context_length", "transforms"],
            nil, "prompts are never cut; send a shorter one"
        ),
        (
            ["system", "instructions", "memory", "guideline", "tool_prompt"], nil,
            "not read; put it into the prompt, or into a message with the role system"
        ),
        (["input", "previous_response_id", "conversation"], nil, "not read; use messages"),
        (
            ["images", "image_data", "multimodal_data", "mm_processor_kwargs", "input_audio"],
            nil, "this model takes text only"
        ),
        (["context", "raw", "template"], nil, "not read; send the whole prompt"),
        (
            ["thinking", "think"], [false, ["type": "disabled"]],
            "not read; use reasoning_effort, or chat_template_kwargs"
        ),
        (
            ["reasoning"], [false, [:], ["effort": "none"], ["enabled": false]],
            "not read; use reasoning_effort"
        ),
        (["plugins", "search_parameters"], nil, "this server searches nothing; leave it out"),
        (["background"], nil, "not supported; leave it out"),
        (["kv_transfer_params"], nil, "not supported"),
    ]

    /// How an answer is read and told.
    private static let formats: [Row] = [
        (["include_reasoning"], [true], "thinking is always told where there is any; send true"),
        (
            ["reasoning_format"], ["auto", "deepseek"],
            "thinking is always told apart from the answer; send auto"
        ),
        (["parse_tool_calls"], [true], "calls are always read; send true"),
        (["response_fields"], nil, "answers are always whole; leave it out"),
        (["return_prompt_text"], nil, "not supported; use /v1/apply-template"),
        (
            [
                "chat_parser", "generation_prompt", "preserved_tokens", "reasoning_budget_message",
                "reasoning_budget_start_tag", "reasoning_budget_end_tag",
                "reasoning_budget_end_tags",
            ],
            nil, "not read; the model's own format holds"
        ),
        (["watermarking", "ec_transfer_params"], nil, "not supported"),
        (["media_io_kwargs"], nil, "this model takes text only"),
    ]

    /// What an answer tells.
    private static let output: [Row] = [
        (
            ["skip_special_tokens", "detokenize", "add_bos_token"], [true],
            "not supported; send true"
        ),
        (
            [
                "no_stop_trim", "return_tokens_as_token_ids", "return_hidden_states",
                "return_weight_versions",
                "return_full_text", "post_sampling_probs", "decoder_input_details",
                "prompt_embeds",
            ],
            nil, "not supported; leave it out"
        ),
    ]
}

extension FieldReader {
    /// What the names of one field say together.
    ///
    /// A name at the neutral value says nothing beside another; names that say different things
    /// are an error, for one of them would be ignored.
    ///
    /// - Parameters:
    ///   - names: this API's own name first, then those of its peers.
    ///   - neutral: the value that changes nothing; nil if every one says something.
    ///   - read: reads and checks one name.
    /// - Returns: the value, or nil if no name is there.
    /// - Throws: `FieldError`, which names the name that is wrong or disagrees.
    func agreed<Value: Equatable>(
        _ names: [String], neutral: Value?, _ read: (String) throws(FieldError) -> Value?
    ) throws(FieldError) -> Value? {
        var found: (name: String, value: Value)?
        for name in names {
            guard let value = try read(name) else { continue }
            guard let known = found, known.value != neutral else {
                found = (name, value)
                continue
            }
            if value != neutral, value != known.value {
                throw .invalid(
                    path.appending(name), expected: "the same as \(known.name) (\(known.value))")
            }
        }
        return found?.value
    }
}
