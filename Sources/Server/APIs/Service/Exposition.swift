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
        append(backend.models, to: &text)
        return ServerResponse(
            status: .ok, contentType: PrometheusText.contentType, body: Array(text.text.utf8))
    }

    /// A value for each model: as many as the server was told to serve.
    private static func append(_ models: ModelRegistry, to text: inout PrometheusText) {
        let reports = models.slots.compactMap { slot -> (name: String, report: Resident.Report)? in
            guard let name = slot.description?.name, let resident = slot.resident else {
                return nil
            }
            return (name, resident.report)
        }
        guard let residency = models.residency, !reports.isEmpty else { return }
        text.append(
            "cierzo_model_swaps_total", Double(residency.swapCount), isCounter: true,
            help: "Models loaded into memory that others had to give up for them.")
        text.append(
            "cierzo_models_memory_bytes", Double(residency.usedByteCount),
            help: "Planned memory of all models that are loaded, loading or being unloaded.")
        if residency.configuration.budget < .max {
            text.append(
                "cierzo_models_memory_limit_bytes", Double(residency.configuration.budget),
                help: "What models may take together.")
        }
        func append(
            _ name: String, isCounter: Bool = false, help: String,
            _ value: (Resident.Report) -> Double
        ) {
            text.append(
                name, label: "model", reports.map { ($0.name, value($0.report)) },
                isCounter: isCounter, help: help)
        }
        append("cierzo_model_loaded", help: "Whether the model is in memory.") {
            $0.status == .loaded ? 1 : 0
        }
        append(
            "cierzo_model_bytes", help: "What the model takes in memory when it is there."
        ) { Double($0.byteCount) }
        append("cierzo_model_waiting_requests", help: "Requests that wait for the model.") {
            Double($0.waitingCount)
        }
        append("cierzo_model_loads_total", isCounter: true, help: "Loads of the model.") {
            Double($0.loadCount)
        }
        append(
            "cierzo_model_load_failures_total", isCounter: true,
            help: "Loads of the model that have failed."
        ) { Double($0.failureCount) }
        append("cierzo_model_unloads_total", isCounter: true, help: "Unloads of the model.") {
            Double($0.unloadCount)
        }
        append(
            "cierzo_model_load_seconds_total", isCounter: true,
            help: "Time that loads of the model have taken."
        ) { $0.loadDuration / .seconds(1) }
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
