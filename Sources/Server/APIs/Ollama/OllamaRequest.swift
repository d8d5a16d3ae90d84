// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import Generation
import JSON
import Recognition
import Serving

/// What the bodies of `POST /api/chat` and `POST /api/generate` have in common.
struct OllamaRequest: Sendable {
    /// Which model is asked, as the client calls it.
    let model: String

    /// How to generate.
    var options: GenerationOptions

    /// Log probabilities of generated tokens: nil for none, else how many alternatives.
    let topLogprobs: Int?

    /// Whether the client has no more use for the model.
    let releases: Bool

    /// Variables for the chat template.
    var templateArguments: JSONObject = [:]

    /// Reads and checks the shared members.
    ///
    /// The options are those that all generating endpoints share; most of their names are Ollama's.
    ///
    /// - Throws: `FieldError`, which names the field.
    init(_ fields: FieldReader, limits: RequestLimits) throws(FieldError) {
        let name = try fields.string("name", maxCharacters: 1024)
        model = try fields.require(
            "model", fields.string("model", maxCharacters: 1024) ?? name)
        var given = try fields.object("options") ?? FieldReader(JSONObject(), at: "options")
        given = FieldReader(Self.shared(given.object), at: given.path)
        options = try GenerationOptions(
            given, dialect: .ollama, limits: limits,
            leastMaxTokens: Dialect.ollama.leastChatTokens)
        if options.choiceCount != 1 {
            throw .unsupported(
                given.path.appending("n"), reason: "an answer here is one; leave it out")
        }
        // Ollama gives a model as much context as is asked for, or as much as it has.
        options.question.neededContext = nil
        // Where others ask for a stream, one is asked for none here.
        options.streams = try fields.bool("stream") ?? true
        let isOn = try fields.bool("logprobs") ?? false
        let top = try fields.integer("top_logprobs", in: 0...20)
        topLogprobs = isOn ? top ?? 0 : nil
        releases = try Self.releases(fields)
        try fields.refuse("images", reason: "this model takes text only")
        try readFormat(fields)
        try readThinking(fields)
    }

    /// The options without those that say how to load a model or how to compute, and with one by
    /// its name elsewhere.
    private static func shared(_ options: JSONObject) -> JSONObject {
        var options = options
        if let flag = options["penalize_newline"], !options.contains("penalize_nl") {
            options["penalize_nl"] = flag
        }
        // An answer here is one, and is streamed or not beside its options.
        for name in ["penalize_newline", "stream"] { options[name] = nil }
        return options
    }

    /// What the answer's text must look like.
    private mutating func readFormat(_ fields: FieldReader) throws(FieldError) {
        let path = fields.path.appending("format")
        let output: RequestedOutput
        switch fields.value("format") {
        case nil, .string("")?: return
        case .string("json")?: output = RequestedOutput(structure: .anyObject, path: path)
        case .object(let schema)?:
            output = RequestedOutput(structure: .schema(.object(schema)), path: path)
        case let value?:
            throw .wrongType(path, expected: "'json' or a JSON Schema", found: value.kindName)
        }
        if let known = options.output, known.structure != output.structure {
            throw .invalid(path, expected: "nothing here, for \(known.path) says something else")
        }
        options.output = output
    }

    /// Whether the model thinks, which it does as it likes where that is not said.
    private mutating func readThinking(_ fields: FieldReader) throws(FieldError) {
        switch fields.value("think") {
        case nil: return
        case .bool(let flag)?:
            templateArguments["enable_thinking"] = .bool(flag)
            if !flag { options.thinking = ThinkingFields(isAllowed: false) }
        case .string?:
            let effort = try fields.string(
                "think", oneOf: ["none", "minimal", "low", "medium", "high", "xhigh", "max"])
            templateArguments["enable_thinking"] = .bool(effort != "none")
            templateArguments["reasoning_effort"] = effort.map { .string($0) }
            if effort == "none" { options.thinking = ThinkingFields(isAllowed: false) }
        case let value?:
            throw .wrongType(
                fields.path.appending("think"), expected: "a boolean or an effort",
                found: value.kindName)
        }
    }

    /// Whether `keep_alive` is no time at all: seconds, or a duration such as `0s` or `0h0m`.
    ///
    /// Models stay loaded as the operator says, whatever it is.
    private static func releases(_ fields: FieldReader) throws(FieldError) -> Bool {
        switch fields.value("keep_alive") {
        case nil: return false
        case .string(let text)?:
            return text.contains("0") && text.allSatisfy { "0.hmsuµn".contains($0) }
        case let value?:
            if let seconds = value.doubleValue { return seconds == 0 }
            throw .wrongType(
                fields.path.appending("keep_alive"), expected: "a number of seconds or a duration",
                found: value.kindName)
        }
    }

    /// The question with its prompt.
    func asking(_ prompt: Question.Prompt) -> Question {
        var question = options.asking([prompt])
        question.plan.allowsThinking = options.thinking.isAllowed
        question.generation.topLogprobs = topLogprobs
        return question
    }
}
