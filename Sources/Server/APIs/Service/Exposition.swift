// SPDX-License-Identifier: Apache-2.0

import Generation
import HTTP
import HTTPTypes
import Serving
import Telemetry

/// What `GET /metrics` shows.
enum Exposition {
    static func response(_ backend: Backend) -> ServerResponse {
        var text = PrometheusText()
        text.append(backend.registry)
        text.appendProcess()
        text.append(
            "cierzo_ready", Health(backend).isReady ? 1 : 0,
            help: "Whether requests can be answered.")
        if let statistics = backend.models.statistics { append(statistics, to: &text) }
        return ServerResponse(
            status: .ok, contentType: PrometheusText.contentType, body: Array(text.text.utf8))
    }

    private static func append(_ statistics: EngineStatistics, to text: inout PrometheusText) {
        text.append(
            "cierzo_sequences_running", Double(statistics.runningSequences),
            help: "Sequences with KV blocks.")
        text.append(
            "cierzo_sequences_waiting", Double(statistics.waitingSequences),
            help: "Sequences in the queue.")
        text.append(
            "cierzo_kv_blocks_used", Double(statistics.usedBlocks), help: "KV blocks in use.")
        text.append("cierzo_kv_blocks_free", Double(statistics.freeBlocks), help: "KV blocks free.")
        text.append(
            "cierzo_kv_blocks_cached", Double(statistics.cachedBlocks),
            help: "Free KV blocks that hold a cached prefix.")
        text.append(
            "cierzo_prefix_cache_hit_tokens_total", Double(statistics.cacheHitTokens),
            isCounter: true, help: "Prompt tokens found in the prefix cache.")
        text.append(
            "cierzo_prefix_cache_miss_tokens_total", Double(statistics.cacheMissTokens),
            isCounter: true, help: "Prompt tokens that had to be computed.")
        text.append(
            "cierzo_prefix_cache_evicted_blocks_total", Double(statistics.evictedBlocks),
            isCounter: true, help: "Cached KV blocks that were needed for something else.")
        text.append(
            "cierzo_steps_total", Double(statistics.steps), isCounter: true,
            help: "Steps of the engine.")
        text.append(
            "cierzo_prefill_tokens_total", Double(statistics.prefillTokens), isCounter: true,
            help: "Prompt tokens computed.")
        text.append(
            "cierzo_generated_tokens_total", Double(statistics.generatedTokens), isCounter: true,
            help: "Tokens generated.")
        text.append(
            "cierzo_forced_tokens_total", Double(statistics.forcedTokens), isCounter: true,
            help: "Tokens generated without being sampled, as only they could follow.")
        text.append(
            "cierzo_masks_total", Double(statistics.masks), isCounter: true,
            help: "Masks that tokens of constrained answers were sampled with.")
        text.append(
            "cierzo_rewinds_total", Double(statistics.rewinds), isCounter: true,
            help: "Dead ends from which a constrained answer went back.")
        text.append(
            "cierzo_preemptions_total", Double(statistics.preemptions), isCounter: true,
            help: "Sequences that lost their KV blocks and were computed again.")
    }
}
