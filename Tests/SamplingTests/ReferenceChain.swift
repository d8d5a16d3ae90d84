// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sampling

/// llama.cpp's samplers as its documentation describes them, one line of thought each, without any
/// regard for speed.
struct ReferenceChain {
    typealias Entry = (id: Int32, logit: Double)

    var entries: [Entry]
    let parameters: SamplingParameters
    let chain: SamplerChain

    init(_ logits: [Float], _ parameters: SamplingParameters) {
        self.parameters = parameters
        chain = parameters.chain ?? SamplerChain()
        entries = logits.enumerated().filter { $0.element > -.infinity }
            .map { (Int32($0.offset), Double($0.element)) }
    }

    /// Best first, equal ones by their ids.
    var sorted: [Entry] { entries.sorted { ($1.logit, $0.id) < ($0.logit, $1.id) } }

    static func softmax(_ entries: [Entry]) -> [Double] {
        let maximum = entries.map(\.logit).max() ?? 0
        let weights = entries.map { exp($0.logit - maximum) }
        let sum = weights.reduce(0, +)
        return weights.map { $0 / sum }
    }

    static func entropy(_ probabilities: [Double]) -> Double {
        -probabilities.filter { $0 > 0 }.map { $0 * log($0) }.reduce(0, +)
    }

    mutating func penalize(_ counts: [Int32: Int]) {
        entries = entries.map { entry in
            guard let count = counts[entry.id] else { return entry }
            let penalty = Double(parameters.repetitionPenalty)
            var logit = entry.logit > 0 ? entry.logit / penalty : entry.logit * penalty
            if count > 0 {
                logit -= Double(count) * Double(parameters.frequencyPenalty)
                logit -= Double(parameters.presencePenalty)
            }
            return (entry.id, logit)
        }
    }

    /// Penalises by sequences of tokens that end repetitions, the whole of each written out.
    mutating func punishRepetitions(_ dry: DRYPenalty, _ all: [Int32], _ breakers: [[Int32]]) {
        let tokens = Array(all.suffix(dry.window ?? all.count))
        let count = tokens.count
        guard count > dry.allowedLength else { return }
        var limit = count
        search: for back in 0..<count {
            let start = count - 1 - back
            let found = breakers.filter { tokens[start...].starts(with: $0) }.map(\.count).max()
            if let found {
                limit = back - (found - 1)
                break search
            }
        }
        guard limit >= dry.allowedLength else { return }
        var longest: [Int32: Int] = [:]
        for end in 0..<count - 1 {
            var length = 0
            while length <= end, tokens[end - length] == tokens[count - 1 - length] { length += 1 }
            length = min(length, limit)
            if length >= dry.allowedLength {
                longest[tokens[end + 1]] = max(longest[tokens[end + 1]] ?? 0, length)
            }
        }
        entries = entries.map { entry in
            guard let length = longest[entry.id], !breakers.contains([entry.id]) else {
                return entry
            }
            let power = pow(Double(dry.base), Double(length - dry.allowedLength))
            return (entry.id, entry.logit - Double(dry.multiplier) * power)
        }
    }

    mutating func keepTopSigma() {
        guard chain.topNSigma > 0, entries.count > 1 else { return }
        let logits = entries.map(\.logit)
        let mean = logits.reduce(0, +) / Double(logits.count)
        let variance = logits.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(logits.count)
        let least = (logits.max() ?? 0) - Double(chain.topNSigma) * variance.squareRoot()
        entries = entries.filter { $0.logit >= least }
    }

    mutating func keepTypical() {
        guard chain.typicalP < 1 else { return }
        let probabilities = Self.softmax(entries)
        let entropy = Self.entropy(probabilities)
        let order = entries.indices.sorted { one, other in
            let first = abs(-log(probabilities[one]) - entropy)
            let second = abs(-log(probabilities[other]) - entropy)
            return (first, entries[one].id) < (second, entries[other].id)
        }
        let mass = Double(chain.typicalP)
        keep(order, probabilities) { $0 > mass }
    }

    mutating func keepNucleus() {
        guard parameters.topP < 1 else { return }
        entries = sorted
        let mass = Double(parameters.topP)
        keep(Array(entries.indices), Self.softmax(entries)) { $0 >= mass }
    }

    private mutating func keep(
        _ order: [Int], _ probabilities: [Double], until isEnough: (Double) -> Bool
    ) {
        var kept: [Entry] = []
        var sum = 0.0
        for index in order {
            kept.append(entries[index])
            sum += probabilities[index]
            if isEnough(sum), kept.count >= chain.minKeep { break }
        }
        entries = kept
    }

    mutating func keepProbable() {
        guard parameters.minP > 0 else { return }
        let best = sorted
        let least = best[0].logit + log(Double(parameters.minP))
        let count = max(best.filter { $0.logit >= least }.count, chain.minKeep)
        entries = Array(best.prefix(count))
    }

    mutating func excludeTopChoices() {
        guard entries.count > 1 else { return }
        let best = sorted
        let above = Self.softmax(best).filter { $0 >= Double(chain.xtcThreshold) }.count
        if above > 1, best.count - above + 1 >= chain.minKeep {
            entries = Array(best.dropFirst(above - 1))
        }
    }

    mutating func temper() {
        var temperature = Double(parameters.temperature)
        if chain.temperatureRange > 0 {
            guard entries.count > 1 else { return }
            let share = Self.entropy(Self.softmax(entries)) / log(Double(entries.count))
            let low = max(0, temperature - Double(chain.temperatureRange))
            let high = temperature + Double(chain.temperatureRange)
            temperature = low + (high - low) * pow(share, Double(chain.temperatureExponent))
        }
        entries =
            temperature == 0
            ? Array(sorted.prefix(1)) : entries.map { ($0.id, $0.logit / temperature) }
    }

    /// What is left after all samplers of the chain.
    mutating func run(counts: [Int32: Int], tokens: [Int32], breakers: [[Int32]], excludes: Bool) {
        for stage in chain.order {
            switch stage {
            case .penalties: penalize(counts)
            case .dry: if let dry = chain.dry { punishRepetitions(dry, tokens, breakers) }
            case .topNSigma: keepTopSigma()
            case .topK: entries = Array(sorted.prefix(parameters.topK ?? entries.count))
            case .typicalP: keepTypical()
            case .topP: keepNucleus()
            case .minP: keepProbable()
            case .xtc: if excludes { excludeTopChoices() }
            case .temperature: temper()
            case .adaptiveP: break
            }
        }
    }

    var distribution: [Int32: Double] {
        Dictionary(uniqueKeysWithValues: zip(entries.map(\.id), Self.softmax(entries)))
    }

    // MARK: Mirostat

    /// Keeps what mirostat keeps at that bound of surprise, in bits.
    mutating func keepUnsurprising(version: Int, mu: Double, vocabularyCount: Int) {
        let best = sorted
        let probabilities = Self.softmax(best)
        var count = 0
        if version == 2 {
            count = probabilities.prefix { -log2($0) <= mu }.count
        } else {
            let ranks = 0..<min(99, best.count - 1)
            let ratios = ranks.map { log(Double($0 + 2) / Double($0 + 1)) }
            let falls = ranks.map { log(probabilities[$0] / probabilities[$0 + 1]) }
            let exponent =
                zip(ratios, falls).map { $0 * $1 }.reduce(0, +)
                / ratios.map { $0 * $0 }.reduce(0, +)
            let excess = exponent - 1
            let base = excess * exp2(mu) / (1 - pow(Double(vocabularyCount), -excess))
            count = Int(min(pow(base, 1 / exponent), Double(best.count)))
        }
        entries = Array(best.prefix(max(count, 1)))
    }
}
