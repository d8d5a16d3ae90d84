// SPDX-License-Identifier: Apache-2.0

import Access
import Foundation
import HTTP
import JSON
import Serving

extension RouteGroup {
    /// Adapters that come and go while the server runs, as vLLM has it; each is a model in the list.
    static let adapters = RouteGroup(
        .post(
            "/v1/load_lora_adapter", isListed: false, contract: .loadAdapter, for: .operation,
            answer: AdapterRoutes.load),
        .post(
            "/v1/unload_lora_adapter", isListed: false, contract: .unloadAdapter, for: .operation,
            answer: AdapterRoutes.unload))
}

private enum AdapterRoutes {
    static func load(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        guard let folder = context.backend.configuration.adapterDirectory else {
            throw .forbidden(
                reason: "Adapters are loaded at the start only: the server's setting "
                    + "'adapter-directory' names no folder.")
        }
        let (name, path, model, replaces) = try APIError.reading {
            () throws(FieldError) -> (String, String, String?, Bool) in
            let fields = FieldReader(body, by: context.rules)
            return (
                try fields.require(AdapterFields.name),
                try AdapterFolder(folder).path(of: fields.require(AdapterFields.path)),
                try fields.read(AdapterFields.model), try fields.read(AdapterFields.replaces)
            )
        }
        // Whoever may ask only some models may change only those.
        let base = model ?? ModelRegistry.defaultName
        guard context.slot(named: base) != nil else { throw .modelNotFound(base) }
        do throws(AdapterFailure) {
            try context.backend.models.loadAdapter(
                path, named: name, for: model, replaces: replaces)
        } catch {
            switch error {
            case .unknownModel(let name): throw .modelNotFound(name)
            case .takesNone:
                throw .invalidRequest(
                    .unsupported(FieldPath("base_model_name"), reason: "\(error)"))
            case .unusableName(let reason):
                throw .invalidRequest(.unsupported(FieldPath("lora_name"), reason: reason))
            case .unusable(let reason):
                throw .invalidRequest(
                    .unsupported(
                        FieldPath("lora_path"),
                        reason: AdapterFolder(folder).hiding(reason)))
            }
        }
        return .response(ServerResponse(json: ["success": true]))
    }

    static func unload(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        let name = try APIError.reading { () throws(FieldError) in
            try FieldReader(body, by: context.rules).require(AdapterFields.name)
        }
        guard context.slot(named: name) != nil,
            context.backend.models.unloadAdapter(named: name)
        else {
            throw .modelNotFound(name)
        }
        return .response(ServerResponse(json: ["success": true]))
    }
}

/// The folder in which adapters must be that are loaded while the server runs.
struct AdapterFolder {
    private let folder: URL

    /// The folder at a path.
    init(_ path: String) {
        folder = URL(fileURLWithPath: path, isDirectory: true).resolvingSymlinksInPath()
    }

    /// A text in which nobody sees where the folder is.
    func hiding(_ text: String) -> String {
        text.replacing(folder.path, with: "adapter-directory")
    }

    /// The path of an adapter, which a client names from the folder on, or from the root on.
    ///
    /// - Throws: ``FieldError`` where it is not in the folder, wherever its links lead.
    func path(of name: String) throws(FieldError) -> String {
        let wrong = FieldError.invalid(
            FieldPath("lora_path"), expected: "a path within the server's adapter-directory")
        guard !name.isEmpty, !name.contains("\0"),
            !name.split(separator: "/").contains("..")
        else { throw wrong }
        let named = name.hasPrefix("/") ? URL(fileURLWithPath: name) : folder.appending(path: name)
        let url = named.resolvingSymlinksInPath()
        // A folder's own files may be links, too.
        let files = ["adapter_config.json", "adapter_model.safetensors"].map {
            url.appending(path: $0).resolvingSymlinksInPath()
        }
        let root = folder.path.hasSuffix("/") ? folder.path : folder.path + "/"
        guard (files + [url]).allSatisfy({ $0.path.hasPrefix(root) }) else { throw wrong }
        return url.path
    }
}

/// The fields of requests that have an adapter loaded or given up.
enum AdapterFields {
    static let name = Field.string(
        "lora_name", maxBytes: 256, "The adapter's name, by which requests ask for it as a model."
    ).example("support").required

    static let path = Field.string(
        "lora_path", maxBytes: 4096,
        "Where it is in the server's adapter-directory: a folder of PEFT's, or a GGUF file."
    ).example("support").required

    static let model = Field.string(
        "base_model_name", maxBytes: 1024, "The model that it is for; the default one if left out."
    ).example("default")

    static let replaces = Field.boolean(
        "load_inplace", "Whether it may take the place of the model's adapter of that name."
    ).defaulting(to: false)

    /// Those of `POST /v1/load_lora_adapter`.
    static let load = FieldList {
        name
        path
        model
        replaces
    }

    /// Those of `POST /v1/unload_lora_adapter`.
    static let unload = FieldList { name }
}

extension EndpointContract {
    /// `POST /v1/load_lora_adapter`.
    static let loadAdapter = EndpointContract(
        "Load a LoRA adapter, which is a model of its own from then on.", takes: AdapterFields.load,
        gives: moved)

    /// `POST /v1/unload_lora_adapter`.
    static let unloadAdapter = EndpointContract(
        "Give a LoRA adapter up; requests that have begun with it end with it.",
        takes: AdapterFields.unload, gives: moved)
}
