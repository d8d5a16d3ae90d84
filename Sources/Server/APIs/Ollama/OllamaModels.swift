// SPDX-License-Identifier: Apache-2.0

import HTTP
import JSON
import Serving

/// The models as Ollama's API shows them.
enum OllamaModels {
    /// `GET /api/tags`: all models.
    static func list(_ context: RequestContext) throws(APIError) -> ServerResponse {
        let models = context.slots.compactMap { slot in
            slot.description.map { JSONValue.object(entry($0, slot)) }
        }
        return ServerResponse(json: ["models": .array(models)])
    }

    /// `GET /api/ps`: those that are in memory.
    static func listLoaded(_ context: RequestContext) throws(APIError) -> ServerResponse {
        // Nothing expires here by itself; clients want a date.
        let year = 365 * 24 * 3_600
        let end = CivilTime(context.backend.unixTime() + year).rfc3339
        let models = context.slots.compactMap { slot -> JSONValue? in
            guard case .serving(let model) = slot.state, case .loaded = slot.status else {
                return nil
            }
            var entry = entry(model.description, slot)
            entry["expires_at"] = .string(end)
            entry["size_vram"] = 0
            entry["context_length"] = .integer(model.description.contextLength)
            return .object(entry)
        }
        return ServerResponse(json: ["models": .array(models)])
    }

    /// `POST /api/show`: one model.
    static func show(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        let name = try APIError.reading { () throws(FieldError) in
            let fields = FieldReader(body)
            _ = try fields.bool("verbose")
            let legacy = try fields.string("name", maxCharacters: 1024)
            return try fields.require(
                "model", fields.string("model", maxCharacters: 1024) ?? legacy)
        }
        let model = try context.model(named: name)
        return .response(ServerResponse(json: .object(shown(model))))
    }

    private static func shown(_ served: ServedModel) -> JSONObject {
        let model = served.description
        // Names within the architecture's own; what it is called says nothing here.
        let architecture = "cierzo"
        var information: JSONObject = [
            "general.architecture": .string(architecture), "general.basename": .string(model.name),
            "\(architecture).context_length": .integer(model.contextLength),
        ]
        information["general.parameter_count"] = model.parameterCount.map { .integer($0) }
        information["\(architecture).expert_count"] = model.expertCount.map { .integer($0) }
        information["\(architecture).expert_used_count"] =
            model.expertsPerToken.map { .integer($0) }
        let template = served.chatTemplate ?? ""
        return [
            "modelfile": .string("FROM \(model.name)"),
            "parameters": .string(
                model.defaultTemperature.map { "temperature                    \($0)" } ?? ""),
            "template": .string(template), "details": details(model),
            "model_info": .object(information), "capabilities": capabilities(model),
            "modified_at": .string(CivilTime(model.creationTime).rfc3339),
        ]
    }

    private static func capabilities(_ model: ModelDescription) -> JSONValue {
        let names: [(ModelDescription.Capability, String)] = [
            (.chat, "completion"), (.toolCalls, "tools"), (.infilling, "insert"),
            (.thinking, "thinking"), (.embedding, "embedding"),
        ]
        return .array(
            names.filter { model.capabilities.contains($0.0) }.map { .string($0.1) })
    }

    private static func entry(_ model: ModelDescription, _ slot: ModelSlot) -> JSONObject {
        // Names have a tag in this API, which says `latest` where there is none.
        let name = model.name.contains(":") ? model.name : model.name + ":latest"
        var digest = ""
        if case .serving(let served) = slot.state { digest = served.fingerprint }
        return [
            "name": .string(name), "model": .string(name),
            "modified_at": .string(CivilTime(model.creationTime).rfc3339),
            "size": .integer(model.weightByteCount ?? 0), "digest": .string(digest),
            "details": details(model),
        ]
    }

    private static func details(_ model: ModelDescription) -> JSONValue {
        let family: JSONValue = model.expertCount == nil ? "dense" : "moe"
        return [
            "parent_model": "", "format": "gguf", "family": family, "families": [family],
            "parameter_size": .string(model.parameterCount.map(rounded) ?? ""),
            "quantization_level": .string(model.quantization ?? ""),
        ]
    }

    /// A number of weights as people write it, such as `8.0B` or `134.52M`.
    private static func rounded(_ count: Int) -> String {
        func text(_ unit: Double, _ name: String, _ digits: Double) -> String {
            "\((Double(count) / unit * digits).rounded() / digits)\(name)"
        }
        if count >= 1_000_000_000 { return text(1e9, "B", 10) }
        return count >= 1_000_000 ? text(1e6, "M", 100) : text(1e3, "K", 100)
    }
}
