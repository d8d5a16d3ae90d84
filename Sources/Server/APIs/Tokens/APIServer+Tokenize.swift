// SPDX-License-Identifier: Apache-2.0

import Conversation
import HTTP
import JSON
import Serving
import Tokenization

extension APIServer {
    /// `POST /v1/tokenize`.
    func tokenize(_ body: JSONObject) throws(APIError) -> ServerResponse {
        let request = try decode { () throws(FieldError) in
            try TokenizeRequest(body, limits: configuration.limits)
        }
        let model = try model(named: request.model)
        let tokens = try tokens(of: request.input, model)
        var answer: JSONObject = [
            "tokens": tokens.json, "count": .integer(tokens.count),
            "max_model_len": .integer(model.engine.contextLength),
        ]
        if request.returnsTokenStrings {
            answer["token_strs"] = .array(tokens.map { .string(model.tokenizer.piece(of: $0)) })
        }
        return ServerResponse(json: .object(answer))
    }

    /// `POST /v1/detokenize`.
    func detokenize(_ body: JSONObject) throws(APIError) -> ServerResponse {
        let request = try decode { () throws(FieldError) in try DetokenizeRequest(body) }
        let model = try model(named: request.model)
        try Self.checkTokens(request.tokens, at: "tokens", model)
        let text = model.tokenizer.decode(
            request.tokens, namesControls: !request.skipsSpecialTokens)
        return ServerResponse(json: ["prompt": .string(text)])
    }

    /// `GET /tokenizer_info`: what a client needs to apply the chat template itself, in the fields
    /// of vLLM and of `tokenizer_config.json`.
    func tokenizerInfo() throws(APIError) -> ServerResponse {
        let model = try model()
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

    /// `POST /v1/chat/completions/input_tokens`: how long the prompt would be.
    func inputTokens(_ body: JSONObject) throws(APIError) -> ServerResponse {
        let request = try decode { () throws(FieldError) in
            try TokenizeRequest(body, limits: configuration.limits)
        }
        let model = try model(named: request.model)
        return ServerResponse(json: [
            "object": "chat.completion.input_tokens",
            "input_tokens": .integer(try tokens(of: request.input, model).count),
        ])
    }

    /// More ids than any context holds, and few enough for one answer.
    private static let maxTokenCount = 1 << 20

    private func tokens(
        of input: TokenizeRequest.Input, _ model: ServedModel
    ) throws(APIError) -> [Int32] {
        switch input {
        case .text(let text, let addsSpecialTokens, let parsesSpecialTokens):
            do throws(TokenLimitError) {
                return parsesSpecialTokens
                    ? try model.tokenizer.encode(
                        prompt: text, addSpecial: addsSpecialTokens, limit: Self.maxTokenCount)
                    : try model.tokenizer.encode(
                        text, addSpecial: addsSpecialTokens, limit: Self.maxTokenCount)
            } catch {
                throw .invalid("prompt", expected: "a text of at most \(Self.maxTokenCount) tokens")
            }
        case .chat(let messages, let tools, let addsPrompt, let continues, let arguments):
            return try Self.tokens(
                of: ChatPrompt(
                    messages: messages, tools: tools,
                    addsGenerationPrompt: addsPrompt,
                    continuesFinalMessage: continues, templateArguments: arguments),
                model)
        }
    }

    /// The ids of a conversation; a format that cannot hold it is the client's error.
    ///
    /// - Parameters:
    ///   - prompt: the conversation.
    ///   - model: whose format.
    ///   - limit: how many ids there may be.
    /// - Returns: the ids.
    /// - Throws: `APIError`.
    static func tokens(
        of prompt: ChatPrompt, _ model: ServedModel, limit: Int = .max
    ) throws(APIError) -> [Int32] {
        do {
            return try model.prompts.tokens(of: prompt, limit: limit)
        } catch let error as TokenLimitError {
            throw tooLong(error, "messages", model)
        } catch {
            throw .invalidConversation(reason: EchoableText.sentence("\(error)"))
        }
    }

    /// The error for a text that was not tokenized to its end.
    static func tooLong(
        _ error: TokenLimitError, _ field: FieldPath, _ model: ServedModel
    ) -> APIError {
        .promptTooLong(
            field: field.description, tokenCount: error.leastCount,
            contextLength: model.engine.contextLength, isLeastCount: true)
    }

    /// Throws unless the vocabulary has every id.
    static func checkTokens(
        _ tokens: [Int32], at path: FieldPath, _ model: ServedModel
    ) throws(APIError) {
        let count = model.engine.vocabularyCount
        if let index = tokens.firstIndex(where: { $0 < 0 || Int($0) >= count }) {
            throw .invalid(
                path.appending(index), expected: "a token id from 0 to \(count - 1)")
        }
    }

    /// Reads a body; its error becomes the API's.
    func decode<Request>(
        _ read: () throws(FieldError) -> Request
    ) throws(APIError) -> Request {
        do throws(FieldError) { return try read() } catch { throw .invalidRequest(error) }
    }
}
