// SPDX-License-Identifier: Apache-2.0

import JSON
import Sampling

/// One of the questions of `POST /v1/decisions`: how the model reads it, which answers it may begin
/// with, and what their probabilities say.
///
/// The text that the model reads says what is asked, lists the options with a label each, and ends
/// with how to answer:
///
/// * A predicate is answered by `Yes` or `No`.
/// * A choice by the letter of an option, or by its number from 1 on where the alphabet is too
///   short for them. Its values are written as JSON, so that `true` and `"true"` differ.
/// * A score by the number of a level, from 0 on, which is also its value.
///
/// The probability of a label is that of all its tokens as the very beginning of the answer; where
/// one label begins another (1 and 12), each counts with the token that ends the answer. They are
/// told in proportion, so that they add up to 1; `label_mass` is what they added up to before: how
/// far the model would have answered in this form at all.
package struct DecisionQuestion: Hashable, Sendable {
    /// An option of a choice.
    package struct Choice: Hashable, Sendable {
        /// A string or a boolean.
        let value: JSONValue
        let description: String
    }

    /// A level of a score.
    package struct Level: Hashable, Sendable {
        let label: String
        let description: String
    }

    /// What is asked for.
    package enum Kind: Hashable, Sendable {
        /// Whether a statement is true.
        case predicate

        /// Which option it is.
        case choice([Choice])

        /// How much it is.
        case score([Level])
    }

    /// What the client calls it.
    package let name: String?

    /// What is asked.
    package let instructions: String

    /// What is asked for.
    package let kind: Kind

    /// The names of the kinds.
    static let types = ["predicate", "choice", "score"]

    /// The most questions of a request, and the most options of one.
    static let mostQuestions = 400
    static let mostOptions = 255

    private static let letters = (0..<26).map { String(UnicodeScalar(UInt8(ascii: "A") + $0)) }

    /// What the answer may begin with, in the order of the options.
    var labels: [String] {
        switch kind {
        case .predicate: ["Yes", "No"]
        case .choice(let choices):
            choices.count <= Self.letters.count
                ? Array(Self.letters.prefix(choices.count))
                : (1...choices.count).map(String.init)
        case .score(let levels): levels.indices.map(String.init)
        }
    }

    /// The question as the model reads it.
    var text: String {
        var lines = instructions.isEmpty ? [] : ["Question: " + instructions]
        switch kind {
        case .predicate:
            lines.append("Is this so? Answer with Yes or No only.")
        case .choice(let choices):
            for (label, choice) in zip(labels, choices) {
                lines.append(Self.line(label, choice.value.serialized(), choice.description))
            }
            let what = choices.count <= Self.letters.count ? "letter" : "number"
            lines.append("Answer with the \(what) of one option only.")
        case .score(let levels):
            for (label, level) in zip(labels, levels) {
                lines.append(Self.line(label, level.label, level.description))
            }
            lines.append("Answer with the number of one level only.")
        }
        return lines.joined(separator: "\n")
    }

    private static func line(_ label: String, _ name: String, _ description: String) -> String {
        "\(label): \(name)" + (description.isEmpty ? "" : " - \(description)")
    }

    /// The answer.
    ///
    /// - Parameter logprobs: the natural logarithm of each label's probability.
    /// - Returns: the object that clients read, and `label_mass`.
    func answer(_ logprobs: [Double]) -> JSONObject {
        let greatest = logprobs.max() ?? 0
        guard greatest > -.infinity else { return refusal }
        let weights = logprobs.map { PortableMath.exp($0 - greatest) }
        let sum = weights.reduce(0, +)
        let probabilities = weights.map { $0 / sum }
        let mass = min(1, logprobs.reduce(0) { $0 + PortableMath.exp($1) })
        let best = logprobs.firstIndex(of: greatest) ?? 0
        var answer: JSONObject = ["type": .string(typeName), "name": nameValue]
        switch kind {
        case .predicate:
            answer["probability"] = .number(probabilities[0])
        case .choice(let choices):
            answer["choice"] = choices[best].value
            answer["probabilities"] = .array(
                zip(choices, probabilities).map { choice, probability in
                    ["value": choice.value, "probability": .number(probability)]
                })
            answer["confidence"] = .number(probabilities[best] * mass)
        case .score(let levels):
            answer["score"] = .number(
                probabilities.enumerated().reduce(0) { $0 + Double($1.offset) * $1.element })
            answer["probabilities"] = .array(
                zip(levels, probabilities).enumerated().map { value, level in
                    [
                        "value": .integer(value), "label": .string(level.0.label),
                        "probability": .number(level.1),
                    ]
                })
            answer["confidence"] = .number(probabilities[best] * mass)
        }
        answer["label_mass"] = .number(mass)
        return answer
    }

    /// Where the model can say none of the labels.
    private var refusal: JSONObject {
        ["type": "refusal", "name": nameValue, "label_mass": .number(0)]
    }

    private var nameValue: JSONValue { name.map { .string($0) } ?? .null }

    private var typeName: String {
        switch kind {
        case .predicate: "predicate"
        case .choice: "choice"
        case .score: "score"
        }
    }
}

extension DecisionQuestion {
    /// Reads a question.
    ///
    /// - Throws: `FieldError`, which names the field.
    init(_ fields: FieldReader, limits: RequestLimits) throws(FieldError) {
        let type = try fields.require("type", fields.string("type", oneOf: Self.types))
        name = try fields.string("name", maxCharacters: 1_024)
        instructions = try DecisionText.instructions(fields, limits)
        switch type {
        case "choice": kind = .choice(try Self.choices(fields))
        case "score": kind = .score(try Self.levels(fields))
        default: kind = .predicate
        }
    }

    private static func choices(_ fields: FieldReader) throws(FieldError) -> [Choice] {
        var choices: [Choice] = []
        var known: Set<JSONValue> = []
        for (value, path) in try options("choices", fields) {
            let option = try FieldReader(value, at: path)
            let value = try option.require("value", option.value("value"))
            switch value {
            case .string, .bool: break
            default:
                throw .wrongType(
                    path.appending("value"), expected: "a string or a boolean",
                    found: value.kindName)
            }
            guard known.insert(value).inserted else {
                throw .invalid(
                    path.appending("value"), expected: "a value that no other choice has")
            }
            choices.append(
                Choice(
                    value: value,
                    description: try option.string(
                        "description", maxCharacters: DecisionText.maxBytes) ?? ""))
        }
        return choices
    }

    private static func levels(_ fields: FieldReader) throws(FieldError) -> [Level] {
        var levels: [Level] = []
        for (value, path) in try options("levels", fields) {
            let level = try FieldReader(value, at: path)
            levels.append(
                Level(
                    label: try level.require(
                        "label", level.string("label", maxCharacters: DecisionText.maxBytes)),
                    description: try level.string(
                        "description", maxCharacters: DecisionText.maxBytes) ?? ""))
        }
        return levels
    }

    private static func options(
        _ key: String, _ fields: FieldReader
    ) throws(FieldError) -> [(value: JSONValue, path: FieldPath)] {
        let options = try fields.require(key, fields.array(key, maxCount: mostOptions))
        guard options.count >= 2 else {
            throw .invalid(
                fields.path.appending(key), expected: "from 2 to \(mostOptions) elements")
        }
        return options
    }
}
