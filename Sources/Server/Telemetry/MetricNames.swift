// SPDX-License-Identifier: Apache-2.0

/// What metrics are called in the exposition.
package enum MetricNames: String, CaseIterable, Sendable {
    /// Those that Prometheus's rules for names allow. What means the same as one of vLLM's metrics has
    /// its name behind `cierzo_`.
    case cierzo

    /// vLLM's own, for dashboards and scalers that were made for it, colon and all; the rest as they
    /// are.
    case vllm

    /// The names behind vLLM's `vllm:` of what means the same there.
    static let shared: Set<String> = [
        "num_requests_running", "num_requests_waiting", "kv_cache_usage_perc",
        "prefix_cache_queries_total", "prefix_cache_hits_total", "num_preemptions_total",
        "prompt_tokens_total", "generation_tokens_total", "time_to_first_token_seconds",
        "inter_token_latency_seconds", "request_time_per_output_token_seconds",
        "e2e_request_latency_seconds", "request_queue_time_seconds", "request_prompt_tokens",
        "request_generation_tokens", "spec_decode_num_drafts_total",
        "spec_decode_num_draft_tokens_total", "spec_decode_num_accepted_tokens_total",
    ]

    /// What a metric is called.
    ///
    /// - Parameter name: its name in ``cierzo``.
    /// - Returns: its name in these.
    func exposed(_ name: String) -> String {
        guard self == .vllm, name.hasPrefix("cierzo_") else { return name }
        let rest = String(name.dropFirst("cierzo_".count))
        return Self.shared.contains(rest) ? "vllm:" + rest : name
    }
}
