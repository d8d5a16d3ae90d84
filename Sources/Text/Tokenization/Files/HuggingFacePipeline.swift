// SPDX-License-Identifier: Apache-2.0

import JSON

/// Reads what a `tokenizer.json` says of the way from a text to the pieces that are merged.
///
/// A step that is not known is an error that names it, never ignored.
struct HuggingFacePipeline {
    private let file: String
    private let json: JSONValue

    /// The pipeline of a file of that name.
    init(_ json: JSONValue, file: String) {
        self.file = file
        self.json = json
    }

    /// What the normalizer does, of what is known.
    struct Normalizer {
        var composes = false
        var prefix = SpaceRule.Prefix.never
        var replacesSpaces = false
        var steps: [TextNormalization.Step] = []
    }

    /// What `normalizer` says.
    func normalizer() throws(TokenizerError) -> Normalizer {
        var result = Normalizer()
        for step in try steps("normalizer", listedAs: "normalizers") {
            switch step["type"]?.stringValue {
            case "NFC": result.composes = true
            case "Prepend" where step["prepend"] == "\u{2581}" && !result.replacesSpaces:
                result.prefix = .always
            case "Replace" where step["pattern"]?["String"] == " " && step["content"] == "\u{2581}":
                result.replacesSpaces = true
            case "Replace" where step["pattern"]?["Regex"] == " {2,}":
                guard [" ", "\u{2581}"].contains(step["content"]?.stringValue) else {
                    throw unsupported("normalizer", step)
                }
                result.steps.append(.collapseSpaces(mark: step["content"] == "\u{2581}"))
            case "Strip":
                result.steps.append(
                    .strip(
                        left: step["strip_left"]?.boolValue ?? true,
                        right: step["strip_right"]?.boolValue ?? true))
            case "Precompiled": result.steps.append(try characterMap(step))
            default: throw unsupported("normalizer", step)
            }
        }
        if result.prefix != .never, !result.replacesSpaces {
            throw .unsupported(file: file, feature: "normalizer Prepend without Replace")
        }
        if !result.steps.isEmpty, result.composes || result.replacesSpaces {
            throw .unsupported(
                file: file, feature: "normalizer Precompiled, Strip or Replace beside others")
        }
        return result
    }

    private func characterMap(_ step: JSONValue) throws(TokenizerError) -> TextNormalization.Step {
        let field = "normalizer.precompiled_charsmap"
        guard let bytes = step["precompiled_charsmap"]?.stringValue.flatMap(Base64.decode) else {
            throw .malformed(file: file, field: field, reason: "expected base64")
        }
        do {
            return .map(try CharacterMap(bytes), .shortestOfCluster)
        } catch {
            throw .malformed(file: file, field: field, reason: error.reason)
        }
    }

    /// What the pre-tokenizer does, of what is known.
    struct Words {
        struct ByteLevel {
            var addsPrefixSpace: Bool
        }

        var stages: [PreTokenizer.Stage] = []
        var byteLevel: ByteLevel?
        var spaces: SpaceRule?
        var dropsWhitespace = false
    }

    /// What `pre_tokenizer` says.
    func words() throws(TokenizerError) -> Words {
        var result = Words()
        for step in try steps("pre_tokenizer", listedAs: "pretokenizers") {
            guard result.byteLevel == nil else { throw unsupported("pre_tokenizer", step) }
            switch step["type"]?.stringValue {
            case "Split": try split(step, into: &result)
            case "Digits":
                let isEach = step["individual_digits"]?.boolValue ?? false
                result.stages.append(isEach ? .eachNumber : .numberRuns)
            case "ByteLevel":
                let addsPrefixSpace = step["add_prefix_space"]?.boolValue ?? true
                if addsPrefixSpace, !result.stages.isEmpty {
                    throw unsupported("pre_tokenizer", step)
                }
                if step["use_regex"]?.boolValue ?? true { result.stages.append(.words(.gpt2)) }
                result.byteLevel = Words.ByteLevel(addsPrefixSpace: addsPrefixSpace)
            case "WhitespaceSplit" where result.spaces == nil: result.dropsWhitespace = true
            case "Metaspace": result.spaces = try metaspace(step)
            default: throw unsupported("pre_tokenizer", step)
            }
        }
        return result
    }

    private func split(_ step: JSONValue, into words: inout Words) throws(TokenizerError) {
        // Gemma splits at spaces, of which its normalizer has left none.
        if step["pattern"]?["String"] == " " { return }
        let inverts = step["invert"]?.boolValue ?? false
        let behavior = step["behavior"]?.stringValue
        guard let expression = step["pattern"]?["Regex"]?.stringValue,
            (behavior == "Isolated" && !inverts) || (behavior == "Removed" && inverts)
        else { throw unsupported("pre_tokenizer", step) }
        if let pattern = WordPattern(expression: expression) {
            words.stages.append(.words(pattern))
        } else if expression == #"\p{N}"# {
            words.stages.append(.eachNumber)
        } else if expression == #"\p{N}+"# {
            words.stages.append(.numberRuns)
        } else if expression == #"\p{N}{1,3}"# {
            words.stages.append(.numberTriples)
        } else if expression == "[一-龥\u{3040}-ゟ゠-ヿ]+" {
            words.stages.append(.eastAsianRuns)
        } else if DeepSeekPattern.isExpressed(by: expression) {
            words.stages.append(.deepSeekWords)
        } else if [#"[\r\n]"#, "[\r\n]"].contains(expression) {
            words.stages.append(.eachNewline)
        } else if expression == #"\s+$"#, words.stages.contains(.eachNewline) {
            // Without ends of lines `$` is the end of the word only.
            words.stages.append(.trailingSpace)
        } else if let runs = CharacterRun(expression: expression) {
            words.stages.append(.runs(runs))
        } else {
            throw .unsupported(
                file: file, feature: "pre_tokenizer Split \(quoted(expression))")
        }
    }

    private func metaspace(_ step: JSONValue) throws(TokenizerError) -> SpaceRule {
        guard step["replacement"] == "\u{2581}" else { throw unsupported("pre_tokenizer", step) }
        let scheme = step["prepend_scheme"]?.stringValue
        let prefix: SpaceRule.Prefix
        switch scheme {
        case "never": prefix = .never
        case "first": prefix = .first
        case "always": prefix = .always
        case nil: prefix = step["add_prefix_space"]?.boolValue ?? true ? .always : .never
        default: throw unsupported("pre_tokenizer", step)
        }
        var spaces = SpaceRule(prefix: prefix)
        spaces.sparesLeadingSpace = true
        spaces.splitsWords = step["split"]?.boolValue ?? true
        return spaces
    }

    /// The steps of a pipeline: none for null, one, or those of a Sequence (not nested).
    private func steps(
        _ key: String, listedAs listKey: String
    ) throws(TokenizerError) -> [JSONValue] {
        guard let value = json[key], !value.isNull else { return [] }
        guard value["type"] == "Sequence" else { return [value] }
        guard let list = value[listKey]?.arrayValue else {
            throw .malformed(file: file, field: "\(key).\(listKey)", reason: "expected an array")
        }
        return list
    }

    private func unsupported(_ key: String, _ step: JSONValue) -> TokenizerError {
        .unsupported(file: file, feature: "\(key) \(quoted(step.serialized()))")
    }
}

/// Which special tokens a `post_processor` puts around a text.
struct PostProcessor: Equatable {
    private(set) var before: String?
    private(set) var after: String?

    /// Reads TemplateProcessing, alone or in a Sequence with processors that only move offsets.
    init(_ value: JSONValue?, file: String) throws(TokenizerError) {
        guard let value, !value.isNull else { return }
        let isSequence = value["type"] == "Sequence"
        for step in isSequence ? value["processors"]?.arrayValue ?? [] : [value] {
            switch step["type"]?.stringValue {
            case "ByteLevel": continue
            case "TemplateProcessing": try readTemplate(step, file)
            case "BertProcessing":
                before = try Self.token("cls", of: step, file)
                after = try Self.token("sep", of: step, file)
            default:
                throw .unsupported(
                    file: file, feature: "post_processor \(quoted(step.serialized()))")
            }
        }
    }

    /// The token that a member names, written as its text and its id.
    private static func token(
        _ key: String, of step: JSONValue, _ file: String
    ) throws(TokenizerError) -> String {
        guard let name = step[key]?.arrayValue?.first?.stringValue else {
            throw .malformed(
                file: file, field: "post_processor.\(key)",
                reason: "expected an array of a token's text and id")
        }
        return name
    }

    private mutating func readTemplate(_ step: JSONValue, _ file: String) throws(TokenizerError) {
        guard let single = step["single"]?.arrayValue else {
            throw .malformed(
                file: file, field: "post_processor.single", reason: "expected an array")
        }
        var isBehindText = false
        for part in single {
            if part["Sequence"] != nil {
                isBehindText = true
            } else if let name = part["SpecialToken"]?["id"]?.stringValue {
                guard (isBehindText ? after : before) == nil else {
                    throw .unsupported(
                        file: file, feature: "post_processor with several tokens in a row")
                }
                if isBehindText { after = name } else { before = name }
            } else {
                throw .malformed(
                    file: file, field: "post_processor.single",
                    reason: "expected SpecialToken or Sequence, found \(quoted(part.serialized()))")
            }
        }
    }
}
