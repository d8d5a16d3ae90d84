// SPDX-License-Identifier: Apache-2.0

import JSON

/// The strings that satisfy a schema, as an expression over the strings themselves.
struct StringLanguage {
    /// Stands for all strings that satisfy the schema, and for more where it is not exact.
    var expression: RegularExpression
    /// Whether it stands for no others.
    var isExact: Bool
    /// Whether nothing is asked of the strings.
    var isAnyText = false

    private static let anything = StringLanguage(expression: .anyText, isExact: false)

    /// The strings that satisfy the root of a document.
    static func strings(of document: SchemaDocument) -> StringLanguage {
        var known: [Int: StringLanguage] = [:]
        return strings(of: document.root, &known)
    }

    private static func strings(
        of schema: Schema, _ known: inout [Int: StringLanguage]
    ) -> StringLanguage {
        if let language = known[schema.index] { return language }
        // A schema that comes back to itself in place says nothing more the second time.
        known[schema.index] = anything
        let language = conjunction(keywords(of: schema, &known))
        known[schema.index] = language
        return language
    }

    private static func conjunction(_ all: [StringLanguage]) -> StringLanguage {
        let narrowing = all.filter { !$0.isAnyText }
        guard narrowing.count != 1 else { return narrowing[0] }
        return StringLanguage(
            expression: narrowing.isEmpty ? .anyText : .intersection(narrowing.map(\.expression)),
            isExact: narrowing.allSatisfy(\.isExact), isAnyText: narrowing.isEmpty)
    }

    private static func exactly(_ expression: RegularExpression) -> StringLanguage {
        StringLanguage(expression: expression, isExact: true)
    }

    /// What each keyword asks of strings.
    private static func keywords(
        of schema: Schema, _ known: inout [Int: StringLanguage]
    ) -> [StringLanguage] {
        if let verdict = schema.verdict { return verdict ? [] : [exactly(.nothing)] }
        guard schema.types.contains(.string) else { return [exactly(.nothing)] }
        var all: [StringLanguage] = []
        for values in [schema.constant.map { [$0] }, schema.enumeration] {
            guard let values else { continue }
            all.append(exactly(RegularExpression(anyOf: values.compactMap(\.stringValue))))
        }
        if schema.minLength != nil || schema.maxLength != nil {
            let character = RegularExpression(ScalarSet.all)
            all.append(exactly(character.repeated(schema.minLength ?? 0, schema.maxLength)))
        }
        if let pattern = schema.pattern { all.append(exactly(pattern.expression)) }
        if let format = schema.format {
            all.append(StringLanguage(expression: format.expression, isExact: format.isExact))
        }
        for part in schema.allOf { all.append(strings(of: part, &known)) }
        if let reference = schema.reference { all.append(strings(of: reference, &known)) }
        if schema.dynamicReference != nil { all.append(anything) }
        if let options = schema.anyOf {
            all.append(union(options.map { strings(of: $0, &known) }))
        }
        if let options = schema.oneOf {
            all.append(one(of: options.map { strings(of: $0, &known) }))
        }
        if let not = schema.not { all.append(complement(strings(of: not, &known))) }
        if let condition = schema.condition {
            let test = strings(of: condition.if, &known)
            let then = condition.then.map { strings(of: $0, &known) } ?? exactly(.anyText)
            let otherwise = condition.else.map { strings(of: $0, &known) } ?? exactly(.anyText)
            all.append(
                union([
                    conjunction([test, then]), conjunction([complement(test), otherwise]),
                ]))
        }
        return all
    }

    private static func union(_ options: [StringLanguage]) -> StringLanguage {
        StringLanguage(
            expression: .union(options.map(\.expression)),
            isExact: options.allSatisfy(\.isExact))
    }

    /// What is not a string of the language, or may be none.
    private static func complement(_ language: StringLanguage) -> StringLanguage {
        language.isExact ? exactly(language.expression.complement) : anything
    }

    /// Strings of exactly one of the languages.
    private static func one(of options: [StringLanguage]) -> StringLanguage {
        guard options.count <= 16, options.allSatisfy(\.isExact) else {
            return StringLanguage(expression: union(options).expression, isExact: false)
        }
        var any = RegularExpression.nothing
        var several = RegularExpression.nothing
        for option in options {
            several = .union([several, .intersection([any, option.expression])])
            any = .union([any, option.expression])
        }
        return exactly(.intersection([any, several.complement]))
    }
}
