// SPDX-License-Identifier: Apache-2.0

/// What each metric of a registry is, for `# HELP`; swift-metrics has no place for it.
package enum MetricHelp {
    /// One line each, by the name that is exposed.
    package static let texts: [String: String] = [
        "cierzo_http_requests_in_flight": "HTTP requests that are being answered.",
        "cierzo_http_requests_total":
            "HTTP requests that have been answered, by route and status: an error's where a stream ended "
            + "with it, 499 where the client left.",
        "cierzo_http_request_duration_seconds":
            "Time from a request to the end of its answer, its stream included, by route.",
        "cierzo_prompt_tokens_total": "Tokens of the prompts of finished generations.",
        "cierzo_completion_tokens_total": "Tokens of the answers of finished generations.",
        "cierzo_cached_prompt_tokens_total":
            "Tokens of prompts that were found in the prefix cache, of finished generations.",
        "cierzo_time_to_first_token_seconds":
            "Time from the submission of a prompt to the first token of its answer.",
        "cierzo_request_queue_time_seconds":
            "Time from the submission of a prompt until it was first computed.",
        "cierzo_requests_refused_total":
            "Requests that were not taken, by reason: overloaded, limited, too_late, unavailable.",
        "cierzo_key_requests_total": "HTTP requests of a key that have been answered.",
        "cierzo_key_requests_limited_total":
            "HTTP requests of a key that were refused, since it has used up one of its limits.",
        "cierzo_key_prompt_tokens_total": "Tokens of the prompts of a key's finished generations.",
        "cierzo_key_completion_tokens_total":
            "Tokens of the answers of a key's finished generations.",
        "cierzo_requests_abandoned_total": "Requests whose client went away before the end.",
        "cierzo_requests_total":
            "Generations that have ended, by the reason of their last choice's end.",
        "cierzo_e2e_request_latency_seconds":
            "Time from the submission of a prompt to the end of its last choice.",
        "cierzo_inter_token_latency_seconds":
            "Time between two steps that gave an answer tokens.",
        "cierzo_request_time_per_output_token_seconds":
            "Mean time between the tokens of an answer, after its first.",
        "cierzo_request_prompt_tokens": "Tokens of a prompt.",
        "cierzo_request_generation_tokens": "Tokens of the answers to a prompt.",
        "cierzo_step_duration_seconds": "Time of a step of the engine, all of its phases together.",
        "cierzo_step_phase_duration_seconds":
            "Time of a phase of a step: schedule, forward, sample.",
        "cierzo_step_mask_wait_duration_seconds":
            "Time of a step that was spent on getting masks, where any answer has a constraint.",
        "cierzo_step_tokens": "Tokens that a step computed, those of prompts included.",
        "cierzo_step_sequences": "Sequences that took part in a step.",
        "cierzo_trace_spans_sent_total": "Spans that the collector of otlp-endpoint has taken.",
        "cierzo_trace_spans_dropped_total":
            "Spans that the collector of otlp-endpoint did not take, or not in time.",
        "cierzo_disk_cache_blocks": "KV blocks in cache-directory.",
        "cierzo_disk_cache_bytes": "Bytes of the KV blocks in cache-directory.",
        "cierzo_disk_cache_written_blocks_total": "KV blocks written to cache-directory.",
        "cierzo_disk_cache_read_blocks_total":
            "KV blocks read from cache-directory instead of being computed.",
        "cierzo_disk_cache_dropped_blocks_total":
            "KV blocks that gave way in memory without being kept, since the disk was behind.",
        "cierzo_disk_cache_write_failures_total":
            "KV blocks that could not be written to cache-directory.",
        "cierzo_disk_cache_flawed_files_total":
            "Files in cache-directory that were damaged or not what their name says, and removed.",
    ]
}
