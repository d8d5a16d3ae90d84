// SPDX-License-Identifier: Apache-2.0

package import JSON
package import Recognition
package import StructuredOutput

/// Answers the lines of `cierzo grammar`: what a schema, an expression or a grammar makes of texts.
package struct GrammarCheck {
    private let vocabulary: ConstraintVocabulary
    private let style: RecognitionStyle
    private let limits: RecognitionLimits
    private var mask: TokenMask

    /// Checks against a vocabulary.
    ///
    /// - Parameters:
    ///   - vocabulary: a model's, or that of bytes.
    ///   - style: how freely texts may be written.
    package init(_ vocabulary: ConstraintVocabulary, style: RecognitionStyle) {
        self.vocabulary = vocabulary
        self.style = style
        var limits = RecognitionLimits()
        limits.maxAnswerTime = .milliseconds(300)
        // Tokens of a model are some bytes each.
        limits.timePerToken = .microseconds(vocabulary.tokenCount > 1_024 ? 500 : 100)
        self.limits = limits
        mask = TokenMask(tokenCount: vocabulary.tokenCount)
    }

    /// The answer to a line.
    ///
    /// - Parameters:
    ///   - line: a JSON text.
    ///   - number: of the line, from 1, for messages.
    /// - Returns: an object.
    package mutating func answer(to line: [UInt8], number: Int) -> JSONObject {
        let question: Question
        do throws(JSONError) {
            question = try Question(
                JSONParser.parse(
                    line, limits: .init(maxBytes: 1 << 28, maxDepth: 512, keepsDigits: true)))
        } catch {
            return Self.refusal(
                RecognitionError(at: "", error.description), id: .null, line: number)
        }
        do throws(RecognitionError) {
            let structure = try question.structure()
            let instances = try question.instances()
            let start = ProcessorTime.now
            let constraint = try Constraint(
                structure, vocabulary: vocabulary, style: style, limits: limits)
            let time = Self.microseconds(since: start)
            var answer = JSONObject([("id", question.id), ("error", .null)])
            answer["compile_us"] = time
            answer["instances"] = .array(instances.map { .object(check($0, constraint)) })
            return answer
        } catch {
            return Self.refusal(error, id: question.id, line: question.isObject ? nil : number)
        }
    }

    /// What is said of a line that cannot be answered.
    package static func refusal(
        _ error: RecognitionError, id: JSONValue, line: Int?
    ) -> JSONObject {
        var answer = JSONObject([("id", id)])
        if let line { answer["line"] = .integer(line) }
        answer["error"] = .object(
            JSONObject([("pointer", .string(error.place)), ("reason", .string(error.reason))]))
        answer["compile_us"] = .integer(0)
        answer["instances"] = .array([])
        return answer
    }

    // MARK: Texts

    private mutating func check(_ text: String, _ constraint: Constraint) -> JSONObject {
        let bytes = Array(text.utf8)
        let tokens = vocabulary.tokens(of: bytes, beginsText: true)
        let matcher = constraint.makeMatcher()
        var times: [JSONValue] = []
        times.reserveCapacity(tokens.count + 1)
        var place = 0
        for token in tokens {
            let isAllowed = fill(matcher, &times) && mask[token]
            guard isAllowed, matcher.accept(token) else {
                return Self.verdict(
                    false, at: place + matcher.fittingByteCount(of: token), times,
                    because: matcher.limitation)
            }
            place = matcher.byteCount
        }
        guard place == bytes.count else { return Self.verdict(false, at: place, times) }
        _ = fill(matcher, &times)
        let isComplete = matcher.canEnd && vocabulary.endTokens.allSatisfy { mask[$0] }
        return Self.verdict(
            isComplete, at: place, times, because: isComplete ? nil : matcher.limitation)
    }

    private mutating func fill(_ matcher: ConstraintMatcher, _ times: inout [JSONValue]) -> Bool {
        let start = ProcessorTime.now
        let isAlive = matcher.fill(&mask)
        times.append(Self.microseconds(since: start))
        return isAlive
    }

    private static func verdict(
        _ isAccepted: Bool, at place: Int, _ times: [JSONValue], because reason: String? = nil
    ) -> JSONObject {
        var verdict = JSONObject([
            ("accepted", .bool(isAccepted)), ("at", .integer(place)), ("mask_us", .array(times)),
        ])
        if let reason { verdict["reason"] = .string(reason) }
        return verdict
    }

    // MARK: Times

    private static func microseconds(since start: ProcessorTime) -> JSONValue {
        let (seconds, rest) = (ProcessorTime.now - start).components
        return .number(Double(seconds) * 1e6 + Double(rest / 1_000_000_000) / 1000)
    }
}

/// A line: what texts must look like, and texts.
private struct Question {
    let line: JSONValue

    init(_ line: JSONValue) {
        self.line = line
    }

    var isObject: Bool { line.objectValue != nil }

    var id: JSONValue { line["id"] ?? .null }

    private static let kinds = ["schema", "regex", "grammar", "choice", "structural_tag"]

    func structure() throws(RecognitionError) -> Structure {
        guard let object = line.objectValue else {
            throw RecognitionError(at: "", "a line must be a JSON object, not \(line.kindName)")
        }
        let given = Self.kinds.filter { object.contains($0) }
        guard given.count == 1, let kind = given.first, let value = object[kind] else {
            throw RecognitionError(
                at: "", "give one of \(Self.kinds.joined(separator: ", ")), not \(given.count)")
        }
        switch kind {
        case "schema": return .schema(value)
        case "regex": return .expression(try string(value, at: "/regex"))
        case "grammar": return .grammar(try string(value, at: "/grammar"))
        case "structural_tag": return try StructuralTag.structure(of: value)
        default: return .choice(try strings(value, at: "/choice").map { .literal($0) })
        }
    }

    func instances() throws(RecognitionError) -> [String] {
        guard let value = line["instances"] else { return [] }
        return try strings(value, at: "/instances")
    }

    private func string(_ value: JSONValue, at pointer: String) throws(RecognitionError) -> String {
        guard let text = value.stringValue else {
            throw RecognitionError(at: pointer, "must be a string, not \(value.kindName)")
        }
        return text
    }

    private func strings(
        _ value: JSONValue, at pointer: String
    ) throws(RecognitionError) -> [String] {
        guard let values = value.arrayValue else {
            throw RecognitionError(
                at: pointer, "must be an array of strings, not \(value.kindName)")
        }
        var texts: [String] = []
        for (index, value) in values.enumerated() {
            texts.append(try string(value, at: "\(pointer)/\(index)"))
        }
        return texts
    }
}
