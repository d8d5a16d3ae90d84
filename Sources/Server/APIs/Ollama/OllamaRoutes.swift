// SPDX-License-Identifier: Apache-2.0

import Access
import AnswerParsing
import Conversation
import Generation
import HTTP
import JSON
import Serving

extension RouteGroup {
    /// Ollama's own API.
    static let ollama = RouteGroup(
        for: .ollama,
        .post(
            "/api/chat", isListed: false, dialect: .ollama, contract: .ollamaChat,
            answer: OllamaRoutes.chat),
        .post(
            "/api/generate", isListed: false, dialect: .ollama, contract: .ollamaGenerate,
            answer: OllamaRoutes.generate),
        .post(
            "/api/embed", isListed: false, dialect: .ollama, contract: .ollamaEmbed,
            answer: OllamaEmbedding.embed),
        .post(
            "/api/embeddings", isListed: false, dialect: .ollama, contract: .ollamaEmbedOne,
            answer: OllamaEmbedding.embedOne),
        .get(
            "/api/tags", isListed: false, dialect: .ollama, contract: .ollamaModels,
            answer: OllamaModels.list),
        .get(
            "/api/ps", isListed: false, dialect: .ollama, contract: .ollamaModels,
            answer: OllamaModels.listLoaded),
        .post(
            "/api/show", isListed: false, dialect: .ollama, contract: .ollamaShow,
            answer: OllamaModels.show),
        .get("/api/version", isListed: false, dialect: .ollama, contract: .ollamaVersion) {
            context in
            // Clients ask for it to know what they may send.
            ServerResponse(json: [
                "version": .string(OllamaRoutes.version),
                "cierzo": .string(context.backend.configuration.version),
            ])
        })
}

private enum OllamaRoutes {
    /// The version of Ollama whose API this is.
    static let version = "0.12.6"

    /// `POST /api/chat`.
    static func chat(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        let limits = context.backend.configuration.limits
        let fields = FieldReader(body)
        let (request, messages, calls) = try APIError.reading { () throws(FieldError) in
            (
                try OllamaRequest(fields, limits: limits),
                try OllamaMessages.read(fields, limits: limits),
                try ToolFields(fields, limits: limits)
            )
        }
        let model = try context.model(named: request.model)
        guard !messages.isEmpty else { return loaded(request, .message, context) }
        let prompt = ChatPrompt(
            messages: messages, tools: calls.definitions,
            templateArguments: request.templateArguments)
        var question = request.asking(.chat(prompt))
        question.plan.tools = calls.tools
        question.plan.choice = calls.choice
        question.plan.allowsParallelCalls = calls.allowsParallelCalls
        let sources = QuestionFields(
            prompt: "messages", output: request.options.output?.path, tools: calls.inputPaths)
        return try plan(
            request, question, sources, model, .message, returnsContext: false, context)
    }

    /// `POST /api/generate`.
    static func generate(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        let limits = context.backend.configuration.limits
        let (request, input) = try APIError.reading { () throws(FieldError) in
            let fields = FieldReader(body)
            return (try OllamaRequest(fields, limits: limits), try OllamaInput(fields))
        }
        let model = try context.model(named: request.model)
        guard !input.isEmpty else { return loaded(request, .response, context) }
        let sources = QuestionFields(
            prompt: "prompt", gap: "suffix", output: request.options.output?.path)
        let prompt = try sources.naming { () throws(ServingError) in
            try input.prompt(request, model)
        }
        return try plan(
            request, request.asking(prompt), sources, model, .response,
            returnsContext: input.returnsContext, context)
    }

    private static func plan(
        _ request: OllamaRequest, _ question: Question, _ sources: QuestionFields,
        _ model: ServedModel, _ place: OllamaCodec.Place, returnsContext: Bool,
        _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        let requests = try sources.naming { () throws(ServingError) in
            try model.requests(for: question, of: context.asker)
        }
        var codec = OllamaCodec(
            place: place, streams: request.options.streams, model: request.model)
        if returnsContext { codec.context = requests.first?.promptTokens }
        if request.topLogprobs != nil {
            codec.logprobs = LogprobFormatter(tokenizer: model.tokenizer)
        }
        return .generation(
            PlannedAnswer(
                model: model, requests: requests, reading: model.reading(of: question, requests),
                fields: sources, codec: codec))
    }

    /// The answer to a client that only wants its model to be loaded, as it is, or unloaded.
    private static func loaded(
        _ request: OllamaRequest, _ place: OllamaCodec.Place, _ context: RequestContext
    ) -> RequestPlan {
        let codec = OllamaCodec(
            place: place, streams: request.options.streams, model: request.model)
        var object: JSONObject = [
            "model": .string(request.model),
            "created_at": .string(CivilTime(context.backend.unixTime()).rfc3339),
        ]
        codec.write(.init(), to: &object)
        object["done"] = true
        object["done_reason"] = request.releases ? "unload" : "load"
        return .response(ServerResponse(json: .object(object)))
    }
}
