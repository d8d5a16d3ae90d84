// SPDX-License-Identifier: Apache-2.0

/// Fields of other servers that change how or where an answer is computed, and never what it says.
///
/// Any value of them is taken. A field that changes what is answered belongs to ``PeerField``.
enum IgnoredFields {
    /// All of them.
    static let list = FieldList {
        rows.flatMap { names, reason in
            names.map { FieldDeclaration.ignored($0, reason: reason) }
        }
    }

    private static let rows: [(names: [String], reason: String)] = [
        (["cache_prompt", "n_cache_reuse"], "prompts that were computed are always found again"),
        (["id_slot"], "requests have no slots"),
        (["n_keep", "n_discard"], "contexts are never shifted"),
        (["truncation_side", "truncation_length"], "prompts are never cut"),
        (["keep_alive"], "the operator says how long models stay in memory"),
        (
            ["num_thread", "num_gpu", "main_gpu", "num_batch", "use_mmap", "use_mlock", "numa"],
            "the operator says how models run"
        ),
        (["backend_sampling"], "there is one way of sampling"),
        (["stream_interval"], "events come as tokens do"),
        (["sse_ping_interval"], "the operator says how long a stream may be silent"),
        (["return_progress"], "streams tell no progress of the prompt"),
        (["timings_per_token", "verbose"], "answers tell no timings; Server-Timing does"),
        (["request_id"], "the header x-request-id names a request"),
        (["session_id"], "prompts are found again without sessions"),
        (["spaces_between_special_tokens"], "texts have no special tokens"),
        (
            ["return_token_offsets", "return_mm_kwargs", "mm_payload"],
            "vLLM heeds it on other routes only"
        ),
        (["routed_experts_prompt_start"], "answers tell no routing"),
        (["reasoning_control", "chat_format", "grammar_type"], "llama-server's own bookkeeping"),
    ]
}
