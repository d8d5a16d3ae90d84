// SPDX-License-Identifier: Apache-2.0

import Generation
import JSON
import Sampling
import Serving

/// Reads ``SamplerFields``.
///
/// A request that uses one of llama-server's samplers is sampled by its chain, in its order:
/// penalties, dry, top_n_sigma, top_k, typ_p, top_p, min_p, xtc, temperature.
struct SamplerOptions {
    private let fields: FieldReader

    private var limits: RequestLimits { fields.rules.limits }

    /// Reads them into a question whose sampling parameters and choices have been read.
    static func read(_ fields: FieldReader, into question: inout Question) throws(FieldError) {
        let reader = SamplerOptions(fields: fields)
        try reader.readTokens(into: &question)
        try reader.readPenaltyScope(into: &question)
        let order = try reader.order()
        let chain = try reader.chain(order, &question.samplingTexts)
        if order != nil || chain != SamplerChain() { question.generation.sampling.chain = chain }
        question.generation.repetitionLimit = try reader.repetitionLimit()
        try reader.readBeamSearch(into: &question.generation)
    }

    /// Reads the tokens that are named for their log probabilities, where there are to be any.
    static func namedTokens(
        _ fields: FieldReader, beside flag: String, isOn: Bool
    ) throws(FieldError) -> [Int32] {
        let field = SamplerFields.logprobTokenIDs
        let tokens = try SamplerOptions(fields: fields).tokens(field) ?? []
        guard isOn || tokens.isEmpty else {
            throw .invalid(
                fields.path.appending(field.name), expected: "only together with \(flag)")
        }
        return tokens
    }

    // MARK: Tokens

    private func readTokens(into question: inout Question) throws(FieldError) {
        if let tokens = try tokens(SamplerFields.allowedTokenIDs) {
            guard !tokens.isEmpty else {
                throw .invalid(
                    fields.path.appending(SamplerFields.allowedTokenIDs.name),
                    expected: "at least one token id")
            }
            question.generation.sampling.allowedTokens = tokens
        }
        for (value, path) in try fields.read(SamplerFields.bannedWords) ?? [] {
            question.samplingTexts.bannedWords.append(try text(value, path))
        }
        var sequences: [[Int32]] = []
        for (value, path) in try fields.read(SamplerFields.bannedSequences) ?? [] {
            guard case .array(let ids) = value else {
                throw .wrongType(path, expected: "an array of token ids", found: value.kindName)
            }
            guard !ids.isEmpty else { throw .invalid(path, expected: "at least one token id") }
            sequences.append(try TokenList.read(ids, at: path))
        }
        let suppressed = try tokens(SamplerFields.suppressedTokens) ?? []
        question.generation.sampling.bannedSequences = sequences + suppressed.map { [$0] }
    }

    private func tokens(_ field: Field<[FieldElement]>) throws(FieldError) -> [Int32]? {
        guard let elements = try fields.read(field) else { return nil }
        return try TokenList.read(elements.map(\.value), at: fields.path.appending(field.name))
    }

    private func text(_ value: JSONValue, _ path: FieldPath) throws(FieldError) -> String {
        let text = try FieldReader.string(value, at: path, maxBytes: limits.maxStopBytes)
        guard !text.isEmpty else { throw .invalid(path, expected: "a text that is not empty") }
        return text
    }

    // MARK: Penalties

    /// Penalties cover every token, unless a client has them cover the last ones, as llama.cpp does.
    private func readPenaltyScope(into question: inout Question) throws(FieldError) {
        var window = try fields.read(SamplerFields.penaltyWindow)
        let range = try fields.read(SamplerFields.penaltyRange)
        if range > 0 {
            guard window == -1 || window == range else {
                throw .invalid(
                    fields.path.appending(SamplerFields.penaltyRange.name),
                    expected: "the same as repeat_last_n (\(window))")
            }
            window = range
        }
        question.generation.sampling.penaltyWindow = window == -1 ? nil : window
        let prompt = SamplerFields.penaltyPrompt.name
        switch fields.value(prompt) {
        case nil: break
        case .string(let text)?: question.samplingTexts.penaltyPrompt = text
        case .array(let ids)?:
            question.generation.sampling.penaltyPrompt = try TokenList.read(
                ids, at: fields.path.appending(prompt))
        case let value?:
            throw .wrongType(
                fields.path.appending(prompt), expected: "a string or an array of token ids",
                found: value.kindName)
        }
        let penalizesLineBreaks = SamplerFields.penalizesLineBreaks.name
        if question.generation.sampling.hasPenalties,
            try fields.bool(penalizesLineBreaks) == false
        {
            throw .unsupported(
                fields.path.appending(penalizesLineBreaks),
                reason: "penalties here cover line breaks, too; send true")
        }
    }

    // MARK: Chain

    private func chain(
        _ order: [SamplerChain.Stage]?, _ texts: inout SamplingTexts
    ) throws(FieldError) -> SamplerChain {
        var chain = SamplerChain()
        if let order { chain.order = order }
        chain.dry = try dry(&texts)
        let sigma = try fields.read(SamplerFields.topNSigma)
        if sigma > 0 { chain.topNSigma = Float(sigma) }
        // The least number above 0 may be no float.
        chain.typicalP = max(
            Float(try fields.read(SamplerFields.typicalP)), .leastNonzeroMagnitude)
        chain.xtcProbability = Float(try fields.read(SamplerFields.xtcProbability))
        let threshold = Float(try fields.read(SamplerFields.xtcThreshold))
        if chain.xtcProbability > 0 { chain.xtcThreshold = threshold }
        chain.temperatureRange = Float(try fields.read(SamplerFields.temperatureRange))
        let exponent = Float(try fields.read(SamplerFields.temperatureExponent))
        if chain.temperatureRange > 0 { chain.temperatureExponent = exponent }
        chain.mirostat = try mirostat()
        let target = try fields.read(SamplerFields.adaptiveTarget)
        let decay = try fields.read(SamplerFields.adaptiveDecay)
        if target >= 0, chain.order.contains(.adaptiveP) {
            chain.adaptiveTarget = Float(target)
            chain.adaptiveDecay = Float(decay)
        }
        let minKeep = try fields.read(SamplerFields.minKeep)
        if minKeep > 1 { chain.minKeep = minKeep }
        return chain
    }

    private func mirostat() throws(FieldError) -> SamplerChain.Mirostat? {
        let version = try fields.read(SamplerFields.mirostat)
        let tau = try fields.read(SamplerFields.mirostatTau)
        let eta = try fields.read(SamplerFields.mirostatEta)
        if version == 0 { return nil }
        return SamplerChain.Mirostat(version: version, tau: Float(tau), eta: Float(eta))
    }

    /// The samplers by name, or by llama.cpp's letters; nil where the request leaves the order to us.
    private func order() throws(FieldError) -> [SamplerChain.Stage]? {
        let path = fields.path.appending(SamplerFields.order.name)
        var stages: [SamplerChain.Stage] = []
        switch fields.value(SamplerFields.order.name) {
        case nil: return nil
        case .string(let letters)?:
            guard letters.utf8.count <= Self.mostStages else {
                throw .invalid(path, expected: "at most \(Self.mostStages) letters")
            }
            for letter in letters {
                stages.append(try stage(Self.letters[letter], String(letter), path))
            }
        case .array(let names)?:
            for (value, path) in try FieldReader.elements(
                of: names, at: path, maxCount: Self.mostStages)
            {
                let name = try FieldReader.string(value, at: path)
                let stage = SamplerChain.Stage(rawValue: name) ?? Self.otherNames[name]
                stages.append(try self.stage(stage, name, path))
            }
        case let value?:
            throw .wrongType(
                path, expected: "an array of names or a string of letters", found: value.kindName)
        }
        return stages
    }

    private func stage(
        _ stage: SamplerChain.Stage?, _ name: String, _ path: FieldPath
    ) throws(FieldError) -> SamplerChain.Stage {
        if let stage { return stage }
        if name == "infill" || name == "i" {
            throw .unsupported(path, reason: "the sampler infill is not supported; leave it out")
        }
        throw .invalid(
            path,
            expected: "samplers of " + FieldReader.list(SamplerChain.Stage.allCases.map(\.rawValue))
        )
    }

    private static let mostStages = 32

    private static let letters: [Character: SamplerChain.Stage] = [
        "e": .penalties, "d": .dry, "s": .topNSigma, "k": .topK, "y": .typicalP, "p": .topP,
        "m": .minP, "x": .xtc, "t": .temperature, "a": .adaptiveP,
    ]

    private static let otherNames: [String: SamplerChain.Stage] = [
        "top-k": .topK, "top-p": .topP, "nucleus": .topP, "top-n-sigma": .topNSigma,
        "typical-p": .typicalP, "typical_p": .typicalP, "typical": .typicalP, "typ-p": .typicalP,
        "typ": .typicalP, "min-p": .minP, "temp": .temperature, "adaptive-p": .adaptiveP,
    ]

    // MARK: DRY

    private func dry(_ texts: inout SamplingTexts) throws(FieldError) -> DRYPenalty? {
        let multiplier = Float(try fields.read(SamplerFields.dryMultiplier))
        let base = try fields.read(SamplerFields.dryBase)
        let allowedLength = try fields.read(SamplerFields.dryAllowedLength)
        let window = try fields.read(SamplerFields.dryWindow)
        let breakers = try breakers()
        guard multiplier > 0, window != 0 else { return nil }
        texts.sequenceBreakers = breakers ?? SamplingTexts.defaultBreakers
        return DRYPenalty(
            // llama.cpp takes a base that would reward repetitions for its default.
            multiplier: multiplier, base: base < 1 ? 1.75 : Float(base),
            allowedLength: allowedLength, window: window == -1 ? nil : window)
    }

    /// The breakers: a list, or as text-generation-webui has it, the JSON text of one.
    private func breakers() throws(FieldError) -> [String]? {
        let path = fields.path.appending(SamplerFields.dryBreakers.name)
        var value = fields.value(SamplerFields.dryBreakers.name)
        if case .string(let text)? = value {
            let list = text.first == "[" ? text : "[" + text + "]"
            guard let parsed = try? JSONParser.parse(list) else {
                throw .invalid(path, expected: "an array of strings, or the JSON text of one")
            }
            value = parsed
        }
        guard let value else { return nil }
        guard case .array(let values) = value else {
            throw .wrongType(path, expected: "an array of strings", found: value.kindName)
        }
        var breakers: [String] = []
        for (value, path) in try FieldReader.elements(
            of: values, at: path, maxCount: SamplingTexts.mostBreakers)
        {
            let text = try text(value, path)
            guard text.utf8.count <= SamplingTexts.longestBreaker else {
                throw .invalid(path, expected: "at most \(SamplingTexts.longestBreaker) bytes")
            }
            breakers.append(text)
        }
        return breakers
    }

    // MARK: Repetitions

    private func repetitionLimit() throws(FieldError) -> RepetitionLimit? {
        guard let limit = try fields.read(SamplerFields.repetitionDetection) else { return nil }
        let most = try limit.read(SamplerFields.maxPatternSize)
        let least = try limit.read(SamplerFields.minPatternSize)
        if most == 0 { return nil }
        guard least <= most else {
            throw .invalid(
                limit.path.appending(SamplerFields.minPatternSize.name),
                expected: "at most max_pattern_size (\(most))")
        }
        let count = try limit.require(SamplerFields.minPatternCount)
        return RepetitionLimit(
            maxPatternSize: most, minPatternSize: Swift.max(least, 1), minCount: count)
    }

    // MARK: Beam search

    /// Reads a search as wide as the choices are many; completions may make it wider.
    private func readBeamSearch(into request: inout GenerationRequest) throws(FieldError) {
        let usesBeamSearch = try fields.read(SamplerFields.usesBeamSearch)
        let lengthPenalty = try fields.read(SamplerFields.lengthPenalty)
        let stopsEarly = try fields.read(SamplerFields.stopsEarly) ?? false
        guard usesBeamSearch else {
            let asks = [
                (SamplerFields.lengthPenalty.name, ![nil, 0, 1].contains(lengthPenalty)),
                (SamplerFields.stopsEarly.name, stopsEarly),
            ]
            for (name, isAsked) in asks where isAsked {
                throw .unsupported(
                    fields.path.appending(name),
                    reason: "only read together with use_beam_search: true; leave it out")
            }
            return
        }
        let sampling = request.sampling
        let bent: [(name: String, isBent: Bool)] = [
            ("frequency_penalty", sampling.frequencyPenalty != 0),
            ("presence_penalty", sampling.presencePenalty != 0),
            ("repetition_penalty", sampling.repetitionPenalty != 1),
            ("logit_bias", !sampling.logitBias.isEmpty), ("min_p", sampling.minP != 0),
            ("top_k", sampling.topK != nil), ("top_p", sampling.topP != 1),
            ("allowed_token_ids", sampling.allowedTokens != nil),
            ("bad_words", fields.value("bad_words").map { !$0.asksForNothing } ?? false),
            ("bad_words_ids", !sampling.bannedSequences.isEmpty),
            ("samplers", sampling.chain != nil),
        ]
        for (name, isBent) in bent where isBent {
            throw .unsupported(
                fields.path.appending(name),
                reason: "not together with use_beam_search, which looks for the answer that the "
                    + "model itself finds most probable")
        }
        request.beamSearch = BeamSearchLimits(
            width: request.choiceCount, lengthPenalty: lengthPenalty ?? 1, stopsEarly: stopsEarly)
    }
}
