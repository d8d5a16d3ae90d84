// SPDX-License-Identifier: Apache-2.0

import Generation
import HTTP
import HTTPTypes
import Jobs
import Serving
import Telemetry

/// What `GET /metrics` shows.
enum Exposition {
    /// The response to a scrape.
    ///
    /// - Parameters:
    ///   - backend: what is shown.
    ///   - names: which names metrics have.
    /// - Returns: the text.
    static func response(_ backend: Backend, names: MetricNames) -> ServerResponse {
        var text = PrometheusText(names: names)
        text.append(backend.registry)
        text.appendProcess()
        text.append(
            "cierzo_ready", Health(backend).isReady ? 1 : 0,
            help: "Whether requests can be answered.")
        append(backend.models, to: &text)
        appendAdapters(of: backend.models, to: &text)
        appendEngines(of: backend.models, to: &text)
        appendExperts(of: backend.models, to: &text)
        if let files = backend.files { append(files, to: &text) }
        if let batches = backend.batches { append(batches, to: &text) }
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
                name, reports.map { (labels: [(modelLabel, $0.name)], value: value($0.report)) },
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

    /// A value for each adapter that is in memory.
    private static func appendAdapters(of models: ModelRegistry, to text: inout PrometheusText) {
        let adapters = models.slots.flatMap { slot in
            (slot.adapters?.all ?? []).map { adapter in
                (
                    labels: [
                        (modelLabel, slot.description?.name ?? ""), ("adapter", adapter.name),
                    ], value: Double(adapter.byteCount)
                )
            }
        }
        if adapters.isEmpty { return }
        text.append(
            "cierzo_adapter_bytes", adapters, isCounter: false,
            help: "What a LoRA adapter of the model takes in memory.")
    }

    /// The label that tells models apart, which is vLLM's.
    private static let modelLabel = "model_name"

    /// What there is of clients' files.
    private static func append(_ files: FileStore, to text: inout PrometheusText) {
        let totals = files.totals
        text.append(
            "cierzo_files", Double(totals.count),
            help: "The files of clients, those that are being uploaded included.")
        text.append(
            "cierzo_files_bytes", Double(totals.byteCount), help: "The bytes of these files.")
        text.append(
            "cierzo_files_bytes_limit", Double(files.limits.maxByteCount),
            help: "The most bytes that these files may have.")
    }

    /// What there is of batches.
    private static func append(_ batches: BatchStore, to text: inout PrometheusText) {
        // Where the disk fails, everything else is told all the same.
        if let counts: [BatchStatus: Int] = try? batches.counts() {
            text.append(
                "cierzo_batches",
                BatchStatus.allCases.map {
                    (labels: [("status", $0.rawValue)], value: Double(counts[$0] ?? 0))
                }, help: "The batches that are kept.")
        }
        let activity = batches.activity
        text.append(
            "cierzo_batch_lines_running", Double(activity.runningCount),
            help: "The requests of batches that are being answered.")
        text.append(
            "cierzo_batch_lines_total",
            [
                (labels: [("result", "completed")], value: Double(activity.completedCount)),
                (labels: [("result", "failed")], value: Double(activity.failedCount)),
            ], isCounter: true, help: "The requests of batches that were answered.")
    }

    /// How the engine of each model is doing.
    private static func appendEngines(of models: ModelRegistry, to text: inout PrometheusText) {
        let engines = models.slots.compactMap { slot -> (name: String, now: EngineStatistics)? in
            guard case .serving(let model) = slot.state else { return nil }
            return (model.description.name, model.engine.statistics)
        }
        func append(
            _ name: String, isCounter: Bool = false, help: String,
            _ value: (EngineStatistics) -> Double
        ) {
            text.append(
                name, engines.map { (labels: [(modelLabel, $0.name)], value: value($0.now)) },
                isCounter: isCounter, help: help)
        }
        func count(_ name: String, help: String, _ value: (EngineStatistics) -> UInt64) {
            append(name, isCounter: true, help: help) { Double(value($0)) }
        }
        append("cierzo_num_requests_running", help: "Sequences with KV blocks.") {
            Double($0.runningSequences)
        }
        append("cierzo_num_requests_waiting", help: "Sequences in the queue.") {
            Double($0.waitingSequences)
        }
        append("cierzo_kv_blocks_used", help: "KV blocks in use.") { Double($0.usedBlocks) }
        append("cierzo_kv_blocks_free", help: "KV blocks free.") { Double($0.freeBlocks) }
        append("cierzo_kv_blocks_cached", help: "Free KV blocks that hold a cached prefix.") {
            Double($0.cachedBlocks)
        }
        append("cierzo_kv_cache_usage_perc", help: "The share of KV blocks in use, from 0 to 1.") {
            Double($0.usedBlocks) / Double(max(1, $0.usedBlocks + $0.freeBlocks))
        }
        count(
            "cierzo_prefix_cache_queries_total",
            help: "Prompt tokens that were looked for in the prefix cache."
        ) { $0.cacheHitTokens + $0.cacheMissTokens }
        count(
            "cierzo_prefix_cache_hits_total", help: "Prompt tokens found in the prefix cache."
        ) { $0.cacheHitTokens }
        count(
            "cierzo_prefix_cache_evicted_blocks_total",
            help: "Cached KV blocks that were needed for something else."
        ) { $0.evictedBlocks }
        count("cierzo_steps_total", help: "Steps of the engine.") { $0.steps }
        count("cierzo_prefill_tokens_total", help: "Prompt tokens computed.") { $0.prefillTokens }
        count("cierzo_generation_tokens_total", help: "Tokens generated.") { $0.generatedTokens }
        count(
            "cierzo_forced_tokens_total",
            help: "Tokens generated without being sampled, as only they could follow."
        ) { $0.forcedTokens }
        count(
            "cierzo_spec_decode_num_drafts_total",
            help: "How often the next tokens of an answer were guessed."
        ) { $0.drafts }
        count(
            "cierzo_spec_decode_num_draft_tokens_total", help: "Tokens that were guessed."
        ) { $0.draftTokens }
        count(
            "cierzo_spec_decode_num_accepted_tokens_total",
            help: "Guessed tokens that were as they are sampled."
        ) { $0.acceptedDraftTokens }
        count(
            "cierzo_masks_total",
            help: "Masks that tokens of constrained answers were sampled with."
        ) { $0.masks }
        count(
            "cierzo_rewinds_total", help: "Dead ends from which a constrained answer went back."
        ) { $0.rewinds }
        count(
            "cierzo_num_preemptions_total",
            help: "Sequences that lost their KV blocks and were computed again."
        ) { $0.preemptions }
        count(
            "cierzo_abandoned_steps_total",
            help: "Steps of the background that were given up, for others came."
        ) { $0.abandonedSteps }
        count(
            "cierzo_decoding_tokens_total", help: "Tokens computed by steps without prompts."
        ) { $0.decodedTokens }
        count(
            "cierzo_decoding_read_bytes_total",
            help: "Bytes of weights, keys and values that steps without prompts read, each once."
        ) { $0.decodingReadBytes }
        append(
            "cierzo_decoding_seconds_total", isCounter: true,
            help: "Time that the model took in steps without prompts."
        ) { $0.decodingDuration / .seconds(1) }
    }

    /// The most experts of all layers of a model that have a series each.
    private static let mostExpertSeries = 512

    /// How tokens are shared among experts: of each layer where that is not too much, and always how
    /// uneven it is.
    private static func appendExperts(of models: ModelRegistry, to text: inout PrometheusText) {
        var tokens: [(labels: [(String, String)], value: Double)] = []
        var imbalance: [(labels: [(String, String)], value: Double)] = []
        for model in ExpertReport.models(of: models) {
            let own = (modelLabel, model.name)
            let isDetailed = model.tokens.joined().count <= mostExpertSeries
            for (layer, counts) in (isDetailed ? model.tokens : [model.sums]).enumerated() {
                let place = ("layer", isDetailed ? String(layer) : "all")
                for (expert, count) in counts.prefix(mostExpertSeries).enumerated() {
                    tokens.append(([own, place, ("expert", String(expert))], Double(count)))
                }
            }
            for (layer, value) in model.imbalance.enumerated() {
                imbalance.append(([own, ("layer", String(layer))], value))
            }
        }
        text.append(
            "cierzo_expert_tokens_total", tokens, isCounter: true,
            help: "Tokens that an expert has computed since the model was loaded.")
        text.append(
            "cierzo_expert_imbalance", imbalance,
            help: "The tokens of a layer's busiest expert by the mean of all; 1 is even.")
    }
}
