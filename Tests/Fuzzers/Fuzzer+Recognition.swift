// SPDX-License-Identifier: Apache-2.0

import JSON
import Recognition

extension Fuzzer {
    static let recognition =
        [schema, expression, stringFormat, number, structuralTag]
        + ["gbnf", "lark"].map { name in
            Fuzzer(name) { input in
                let parts = input.parts(2)
                return try problem(with: .grammar(parts[0].text), parts[1])
            }
        }

    /// Bounds that keep one input short.
    private static let limits = {
        var limits = RecognitionLimits()
        limits.maxBytes = 8 << 20
        limits.maxTime = .milliseconds(300)
        return limits
    }()

    /// A schema and a text: what is recognised is not known to violate the schema.
    private static let schema = Fuzzer("schema") { input in
        let parts = input.parts(2)
        let value = try JSONParser.parse(parts[0], limits: .init(keepsDigits: true))
        let document = try SchemaDocument(value, limits: limits)
        let validator = SchemaValidator(document, limits: limits)
        let text = parts[1]
        let isRejected = validator.rejects(text[...], at: document.root)
        if isRejected, validator.accepts(text[...]) { return "a text is both valid and invalid" }
        _ = validator.problem(in: text[...])
        for style in [RecognitionStyle.any, .generated] {
            let recognizer = try JSONRecognizer(document, style: style, limits: limits)
            if recognizes(recognizer, text), isRejected { return "recognises what is invalid" }
        }
        return nil
    }

    /// A pattern and a text.
    private static let expression = Fuzzer("regex") { input in
        let parts = input.parts(2)
        let pattern = parts[0].text
        _ = RegularExpression.isECMAScript(pattern)
        let automaton = try LazyAutomaton(
            RegularExpression(ecmaScript: pattern, limits: limits), limits: limits)
        let isAccepted = automaton.accepts(parts[1])
        if let text = automaton.completion(automaton.start, maxStates: 500) {
            guard automaton.accepts(text) else { return "its own completion is not accepted" }
            guard String(validating: text, as: UTF8.self) != nil else {
                return "its completion is no UTF-8"
            }
        }
        return automaton.accepts(parts[1]) == isAccepted ? nil : "answers differently again"
    }

    private static let formatNames = [
        "date-time", "date", "time", "duration", "email", "idn-email", "hostname", "idn-hostname",
        "ipv4", "ipv6", "uri", "uri-reference", "iri", "iri-reference", "uri-template", "uuid",
        "json-pointer", "relative-json-pointer", "regex",
    ]

    /// A text of a format, which the first byte chooses.
    private static let stringFormat = Fuzzer("string-formats") { input in
        guard let first = input.first else { return nil }
        let name = formatNames[Int(first) % formatNames.count]
        let text = Array(input.dropFirst()).text
        guard let format = StringFormat(named: name) else { return "there is no format \(name)" }
        return format.accepts(text) == format.accepts(text) ? nil : "answers differently again"
    }

    /// Two numbers as they are written: they have one order.
    private static let number = Fuzzer("numbers") { input in
        let parts = input.parts(2)
        guard let left = ExactNumber(parts[0].text), let right = ExactNumber(parts[1].text) else {
            return nil
        }
        if left < right, right < left { return "each is less than the other" }
        if left == right, left < right || right < left { return "they are equal and are not" }
        if left != right, !(left < right), !(right < left) { return "they are in no order" }
        // Schemas have no longer units.
        if right.digits.count <= 64 { _ = left.isMultiple(of: right) }
        return nil
    }

    private static let structuralTag = Fuzzer("structural-tag") { input in
        let parts = input.parts(2)
        let value = try JSONParser.parse(parts[0], limits: .init(keepsDigits: true))
        return try problem(with: StructuralTag.structure(of: value), parts[1])
    }

    /// What must hold of a structure and a text.
    private static func problem(
        with structure: Structure, _ text: [UInt8]
    ) throws(RecognitionError) -> String? {
        let controls: ControlTokens = ["<|call|>": 7]
        let recognizer = try StructureRecognizer(structure, controls: controls, limits: limits)
        let verdict = recognizes(recognizer, text)
        recognizer.forgetStates()
        guard recognizes(recognizer, text) == verdict else { return "answers differently again" }
        _ = try? StructureRecognizer(.escaped(structure), controls: controls, limits: limits)
        return nil
    }

    /// Whether the text is complete.
    private static func recognizes(_ recognizer: any Recognizer, _ text: [UInt8]) -> Bool {
        let read = RecognizedText()
        var state = recognizer.start
        for byte in text {
            state = recognizer.advance(state, by: byte, after: read)
            if state.isDead { return false }
            read.append(byte)
        }
        return recognizer.canEnd(state, after: read)
    }
}
