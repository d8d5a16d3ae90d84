// SPDX-License-Identifier: Apache-2.0

import Access
import Conversation
import HTTP
import JSON
import Serving
import Tokenization

extension RouteGroup {
    /// Texts as ids, and ids as texts.
    static let tokens = RouteGroup(
        for: .tokens,
        .post(
            "/v1/chat/completions/input_tokens", contract: .countTokens,
            answer: TokenRoutes.count),
        .post("/v1/tokenize", contract: .tokenize, answer: TokenRoutes.tokenize),
        .post("/v1/detokenize", contract: .detokenize, answer: TokenRoutes.detokenize),
        .post(
            "/v1/apply-template", isListed: false, contract: .applyTemplate,
            answer: TokenRoutes.applyTemplate),
        .get(
            "/tokenizer_info", "/v1/tokenizer_info", isListed: false, contract: .tokenizer,
            answer: TokenRoutes.describe)
    )
}

private enum TokenRoutes {
    /// `POST /v1/tokenize`.
    static func tokenize(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        let (request, model) = try read(body, context)
        let tokens = try tokens(of: request.input, model)
        var answer: JSONObject = [
            "tokens": request.pairsPieces
                ? .array(tokens.map { pair($0, model.tokenizer) }) : tokens.json,
            "count": .integer(tokens.count),
            "max_model_len": .integer(model.engine.contextLength),
        ]
        if request.returnsTokenStrings {
            answer["token_strs"] = .array(tokens.map { .string(model.tokenizer.piece(of: $0)) })
        }
        return .response(ServerResponse(json: .object(answer)))
    }

    /// A token with its text, or with its bytes where these are no text by themselves.
    private static func pair(_ token: Int32, _ tokenizer: any Tokenizer) -> JSONValue {
        let bytes = tokenizer.bytes(of: token)
        let text =
            bytes.isEmpty ? tokenizer.piece(of: token) : String(decoding: bytes, as: UTF8.self)
        let isText = bytes.isEmpty || bytes.elementsEqual(text.utf8)
        return [
            "id": .integer(Int(token)),
            "piece": isText ? .string(text) : .array(bytes.map { .integer(Int($0)) }),
        ]
    }

    /// `POST /v1/apply-template`: the text of a chat's prompt, without the BOS that a completion
    /// gets by itself.
    static func applyTemplate(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        let request = try APIError.reading { () throws(FieldError) in
            try TokenizeRequest(rendering: body, limits: context.backend.configuration.limits)
        }
        let model = try context.model(named: request.model)
        var tokens = try tokens(of: request.input, model)[...]
        if let bos = model.tokenizer.bosTokenID, tokens.first == bos { tokens.removeFirst() }
        let text = model.tokenizer.decode(Array(tokens), namesControls: true)
        return .response(ServerResponse(json: ["prompt": .string(text)]))
    }

    /// `POST /v1/chat/completions/input_tokens`: how long the prompt would be.
    static func count(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        let (request, model) = try read(body, context)
        return .response(
            ServerResponse(json: [
                "object": "chat.completion.input_tokens",
                "input_tokens": .integer(try tokens(of: request.input, model).count),
            ]))
    }

    /// `POST /v1/detokenize`.
    static func detokenize(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        let request = try APIError.reading { () throws(FieldError) in try DetokenizeRequest(body) }
        let model = try context.model(named: request.model)
        let tokens = try QuestionFields(prompt: "tokens").naming { () throws(ServingError) in
            try model.tokens(of: .tokens(request.tokens), limit: .max)
        }
        let text = model.tokenizer.decode(
            tokens, namesControls: !request.skipsSpecialTokens)
        // vLLM's name, and llama-server's.
        return .response(ServerResponse(json: ["prompt": .string(text), "content": .string(text)]))
    }

    /// `GET /tokenizer_info`: what a client needs to apply the chat template itself, in the fields
    /// of vLLM and of `tokenizer_config.json`.
    static func describe(_ context: RequestContext) throws(APIError) -> ServerResponse {
        let model = try context.model()
        let tokenizer = model.tokenizer
        func name(_ token: Int32?) -> JSONValue {
            token.map { .string(tokenizer.piece(of: $0)) } ?? .null
        }
        var added: JSONObject = [:]
        for token in 0..<Int32(tokenizer.vocabularyCount) where tokenizer.isControl(token) {
            added[String(token)] = ["content": name(token), "special": true]
        }
        return ServerResponse(json: [
            "tokenizer_class": "PreTrainedTokenizerFast",
            "chat_template": model.chatTemplate.map { .string($0) } ?? .null,
            "bos_token": name(tokenizer.bosTokenID), "eos_token": name(tokenizer.eosTokenID),
            "pad_token": .null, "add_bos_token": .bool(tokenizer.addsBOS),
            "add_eos_token": .bool(tokenizer.addsEOS),
            "model_max_length": .integer(model.engine.contextLength),
            "clean_up_tokenization_spaces": false, "added_tokens_decoder": .object(added),
        ])
    }

    private static func read(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> (TokenizeRequest, ServedModel) {
        let request = try APIError.reading { () throws(FieldError) in
            try TokenizeRequest(body, limits: context.backend.configuration.limits)
        }
        return (request, try context.model(named: request.model))
    }

    private static func tokens(
        of input: TokenizeRequest.Input, _ model: ServedModel
    ) throws(APIError) -> [Int32] {
        switch input {
        case .text(let text, let addsSpecialTokens, let parsesSpecialTokens):
            let limit = ServedModel.maxTokenizedCount
            do throws(ServingError) {
                return try model.tokens(
                    of: .text(
                        text, addsSpecialTokens: addsSpecialTokens,
                        parsesControls: parsesSpecialTokens), limit: limit)
            } catch {
                guard case .promptTooLong = error else { throw APIError(error) }
                throw .invalid("prompt", expected: "a text of at most \(limit) tokens")
            }
        case .chat(let messages, let tools, let addsPrompt, let continues, let arguments):
            let prompt = ChatPrompt(
                messages: messages, tools: tools,
                addsGenerationPrompt: addsPrompt, continuesFinalMessage: continues,
                templateArguments: arguments)
            return try QuestionFields(prompt: "messages").naming { () throws(ServingError) in
                try model.tokens(of: .chat(prompt), limit: .max)
            }
        }
    }
}
