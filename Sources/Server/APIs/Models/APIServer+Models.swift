// SPDX-License-Identifier: Apache-2.0

import Generation
import HTTP
import HTTPTypes
import JSON
import Serving
import Telemetry

extension APIServer {
    /// `GET /v1/models`; answers while the model is loading, too.
    func models() -> ServerResponse {
        let cards =
            switch slot.state {
            case .serving(let model), .stopping(let model):
                [ModelCard(model.description).json(status: "loaded")]
            case .loading(let model):
                model.map { [ModelCard($0).json(status: "loading")] } ?? []
            }
        return ServerResponse(json: ["object": "list", "data": .array(cards)])
    }

    /// `GET /v1/models/{id}`.
    func model(_ id: String, _ context: RequestContext) -> ServerResponse {
        let (description, status): (ModelDescription?, String) =
            switch slot.state {
            case .serving(let model), .stopping(let model): (model.description, "loaded")
            case .loading(let description): (description, "loading")
            }
        if let card = description.map({ ModelCard($0) }), card.isNamed(id) {
            return ServerResponse(json: card.json(status: status))
        }
        // Mistral's 400 is for a wrong field; here the path itself leads nowhere.
        var response = ServerResponse(.modelNotFound(id), in: context.dialect)
        response.head.status = .notFound
        return response
    }

    /// `GET /health`: 200 only if a request could be answered; how far loading is until then.
    func ready() -> ServerResponse {
        let status = status
        var body: JSONObject = ["status": .string(status)]
        if status == "loading", let progress = slot.progress {
            body["stage"] = .string(progress.stage)
            body["progress"] = .number((progress.share * 100).rounded() / 100)
        }
        if status == "failed", case .serving(let model) = slot.state {
            body["reason"] = model.problem().map { .string($0) }
        }
        return ServerResponse(
            json: .object(body), status: status == "ok" ? .ok : .serviceUnavailable)
    }

    private var status: String {
        switch slot.state {
        case .loading: return "loading"
        case .stopping: return "stopping"
        case .serving(let model):
            if model.problem() != nil { return "failed" }
            let isStalled = model.engine.statistics.isStalled(limit: configuration.stallLimit)
            return isStalled ? "stalled" : "ok"
        }
    }

    /// `GET /metrics`.
    func exposition() -> ServerResponse {
        var text = PrometheusText()
        text.append(registry)
        text.appendProcess()
        text.append(
            "cierzo_ready", status == "ok" ? 1 : 0, help: "Whether requests can be answered.")
        if case .serving(let model) = slot.state { Self.append(model.engine.statistics, to: &text) }
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
