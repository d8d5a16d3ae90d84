// SPDX-License-Identifier: Apache-2.0

/// A route that other servers have and this one has not.
///
/// It is answered with 501 in the shape that its clients read, never with 404: a proxy takes a 404
/// for a model that is gone, and closes it to everybody.
struct UnbuiltRoute: Sendable {
    /// The dialect that alone has it; nil where several do.
    let dialect: Dialect?

    /// What a client can do.
    let instead: String

    /// The route of a path, with or without its leading `/v1`; nil if no API that is known has it.
    static func named(_ path: Substring) -> UnbuiltRoute? {
        let path = path.hasPrefix("/v1/") ? path.dropFirst(3) : path
        for (prefix, route) in all where path == prefix || path.hasPrefix(prefix + "/") {
            return route
        }
        return nil
    }

    private static let chat = "use /v1/chat/completions"
    private static let nothingStored = "it stores nothing"
    private static let textOnly = "it reads and writes text only"
    private static let noClassifier = "it has no model for that"

    private static let all: [(prefix: String, route: UnbuiltRoute)] =
        rows(
            nil,
            [
                "/score", "/classify", "/moderations",
            ], noClassifier)
        + rows(nil, ["/embedding", "/embed", "/pooling"], "use /v1/embeddings")
        + rows(nil, ["/assistants", "/threads", "/conversations"], "use /v1/responses")
        + rows(nil, ["/responses/compact"], "send what is to be kept as input of /v1/responses")
        + rows(nil, ["/edits", "/engines", "/generate", "/generate_stream"], "use /v1/completions")
        + rows(nil, ["/completion"], "use /v1/completions")
        + rows(nil, ["/infill"], "use /v1/fim/completions, or /v1/completions with a suffix")
        + rows(nil, ["/props", "/slots", "/lora-adapters"], "use /v1/models and /metrics")
        + rows(nil, ["/images", "/audio", "/videos", "/realtime"], textOnly)
        + rows(
            nil,
            [
                "/uploads", "/vector_stores", "/containers", "/evals",
                "/chat/completions",
            ], nothingStored)
        + rows(nil, ["/fine_tuning", "/fine-tunes"], "it trains nothing")
        + rows(nil, ["/organization"], "it has no accounts")
        + rows(nil, ["/deployments"], "use the base URL /openai/v1")
        + rows(nil, ["/v1beta"], chat)
        + rows(.mistral, ["/agents"], chat)
        + rows(.mistral, ["/ocr"], textOnly)
        + rows(
            .mistral, ["/classifications", "/chat/moderations", "/chat/classifications"],
            noClassifier)
        + rows(.mistral, ["/libraries", "/connectors"], nothingStored)
        + rows(.anthropic, ["/messages/batches"], nothingStored)
        + rows(.anthropic, ["/complete"], "use /v1/completions")
        + rows(
            .ollama,
            [
                "/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete", "/api/blobs",
            ], "its model is chosen when it is started")

    private static func rows(
        _ dialect: Dialect?, _ prefixes: [String], _ instead: String
    ) -> [(prefix: String, route: UnbuiltRoute)] {
        prefixes.map { ($0, UnbuiltRoute(dialect: dialect, instead: instead)) }
    }
}
