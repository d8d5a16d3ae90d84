// SPDX-License-Identifier: Apache-2.0

import Generation
import HTTP
import HTTPTypes
import JSON
import Serving
import Telemetry

extension APIServer {
    /// `GET /v1/models`; answers while models are loading, too.
    func modelList() -> ServerResponse {
        ServerResponse(json: ["object": "list", "data": .array(models.slots.compactMap(card))])
    }

    /// `GET /v1/models/{id}`.
    func model(_ id: String, _ context: RequestContext) -> ServerResponse {
        if let slot = models.slot(named: id), let card = card(of: slot) {
            return ServerResponse(json: card)
        }
        // Mistral's 400 is for a wrong field; here the path itself leads nowhere.
        var response = ServerResponse(.modelNotFound(id), in: context.dialect)
        response.head.status = .notFound
        return response
    }

    /// The card of a model, unless nothing is known of it yet.
    private func card(of slot: ModelSlot) -> JSONValue? {
        let status =
            switch slot.state {
            case .serving, .stopping: "loaded"
            case .loading: "loading"
            case .failed: "failed"
            }
        let isDefault = models.slot(named: ModelRegistry.defaultName) === slot
        return slot.description.map {
            ModelCard($0, isDefault: isDefault).json(status: status)
        }
    }

    /// `GET /health`: 200 only if a request could be answered; how far loading is until then.
    func ready() -> ServerResponse {
        let readiness = models.readiness(stallLimit: configuration.stallLimit)
        var body: JSONObject = ["status": .string(readiness.name)]
        switch readiness {
        case .loading(let progress?):
            body["stage"] = .string(progress.stage)
            body["progress"] = .number((progress.share * 100).rounded() / 100)
        case .failed(let reason): body["reason"] = .string(reason)
        default: break
        }
        return ServerResponse(
            json: .object(body), status: readiness == .ready ? .ok : .serviceUnavailable)
    }

    /// `GET /metrics`.
    func exposition() -> ServerResponse {
        var text = PrometheusText()
        text.append(registry)
        text.appendProcess()
        text.append(
            "cierzo_ready",
            models.readiness(stallLimit: configuration.stallLimit) == .ready ? 1 : 0,
            help: "Whether requests can be answered.")
        if let statistics = models.statistics { Self.append(statistics, to: &text) }
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
            "cierzo_preemptions_total", Double(statistics.preemptions), isCounter: true,
            help: "Sequences that lost their KV blocks and were computed again.")
    }
}

extension ModelRegistry.Readiness {
    /// What `/health` calls it.
    fileprivate var name: String {
        switch self {
        case .ready: "ok"
        case .stalled: "stalled"
        case .loading: "loading"
        case .stopping: "stopping"
        case .failed: "failed"
        }
    }
}
