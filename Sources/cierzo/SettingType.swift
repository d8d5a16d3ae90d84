// SPDX-License-Identifier: Apache-2.0

import Serving

/// How the values of a setting are written and read, and which of them are allowed.
///
/// `Value` is the type of the field that the setting sets; a ``SettingValue`` is the same value as
/// people write it, in the setting's unit.
struct SettingType<Value: Sendable>: Sendable {
    let form: SettingForm
    /// What a number counts, in the plural.
    var unit: String?
    /// The value as people write it; nil for a value that stands for "not set".
    let write: @Sendable (Value) -> SettingValue?
    /// The field's value of one that has the setting's form.
    let read: @Sendable (SettingValue) throws(SettingRejection) -> Value
}

/// What values look like.
package enum SettingForm: Sendable, Equatable {
    /// Any text.
    case text
    /// A whole number within a range.
    case number(ClosedRange<Int>, multipleOf: Int)
    /// True or false.
    case onOff
    /// A list of texts.
    case texts
    /// A list of whole numbers within a range.
    case numbers(ClosedRange<Int>)
    /// One of some names.
    case choice([String])
    /// Bytes with their unit, or a share.
    case size
}

/// A value of a setting as people write it.
package enum SettingValue: Sendable, Equatable, CustomStringConvertible {
    /// Also a name.
    case text(String)
    /// In the setting's unit.
    case number(Int)
    /// True or false.
    case onOff(Bool)
    /// In their order.
    case texts([String])
    /// In their order.
    case numbers([Int])

    /// The value as the configuration file would have it.
    package var description: String {
        switch self {
        case .text(let value): value
        case .number(let value): String(value)
        case .onOff(let value): String(value)
        case .texts(let values): "[" + values.joined(separator: ", ") + "]"
        case .numbers(let values): "\(values)"
        }
    }
}

/// Why a value of the right form cannot be used.
struct SettingRejection: Error {
    let expected: String
    let found: String
}

extension SettingType {
    /// A type whose values always have the form that their reader expects.
    fileprivate init(
        _ form: SettingForm, unit: String? = nil,
        write: @escaping @Sendable (Value) -> SettingValue,
        _ read: @escaping @Sendable (SettingValue) -> Value?
    ) {
        self.form = form
        self.unit = unit
        self.write = write
        self.read = { (value) throws(SettingRejection) in
            guard let result = read(value) else {
                throw SettingRejection(expected: form.expectation(unit: unit), found: "\(value)")
            }
            return result
        }
    }

    /// A field that may stay unset.
    static func optional<Wrapped>(_ type: SettingType<Wrapped>) -> Self where Value == Wrapped? {
        Self(
            form: type.form, unit: type.unit, write: { $0.flatMap { type.write($0) } },
            read: { (value) throws(SettingRejection) in try type.read(value) })
    }
}

extension SettingType<Int> {
    /// A number within a range.
    ///
    /// - Parameters:
    ///   - range: of values as people write them.
    ///   - unit: what it counts, in the plural.
    ///   - multiple: what values are multiples of.
    ///   - scale: how many of the field's units are one of the setting's.
    /// - Returns: the type.
    static func number(
        _ range: ClosedRange<Int>, _ unit: String? = nil, multipleOf multiple: Int = 1,
        scale: Int = 1
    ) -> Self {
        Self(
            .number(range, multipleOf: multiple), unit: unit, write: { .number($0 / scale) },
            { if case .number(let number) = $0 { number * scale } else { nil } })
    }

    /// A number of bytes that is written in MiB.
    static func mebibytes(_ range: ClosedRange<Int>) -> Self {
        number(range, "MiB", scale: 1 << 20)
    }
}

extension SettingType<Duration> {
    /// A time in whole seconds.
    static func seconds(_ range: ClosedRange<Int>) -> Self {
        Self(
            .number(range, multipleOf: 1), unit: "seconds",
            write: { .number(Int($0.components.seconds)) },
            { if case .number(let number) = $0 { .seconds(number) } else { nil } })
    }
}

extension SettingType<MemoryLimit> {
    /// Bytes with their unit, or a share of the machine's memory.
    static var memoryLimit: Self {
        Self(
            .size, write: { .text($0.description) },
            { if case .text(let text) = $0 { MemoryLimit(text) } else { nil } })
    }
}

extension SettingType<Double> {
    /// A number that need not be whole.
    static func decimal(_ range: ClosedRange<Double>) -> Self {
        Self(
            form: .text, write: { .text("\($0)") },
            read: { (value) throws(SettingRejection) in
                guard case .text(let text) = value, let number = Double(text),
                    range.contains(number)
                else {
                    throw SettingRejection(
                        expected: "a number from \(range.lowerBound) to \(range.upperBound)",
                        found: "\(value)")
                }
                return number
            })
    }
}

extension SettingType<Bool> {
    /// `true` sets the field.
    static var onOff: Self {
        Self(.onOff, write: { .onOff($0) }, { if case .onOff(let isOn) = $0 { isOn } else { nil } })
    }

    /// `true` clears the field.
    static var offOn: Self {
        Self(
            .onOff, write: { .onOff(!$0) }, { if case .onOff(let isOn) = $0 { !isOn } else { nil } }
        )
    }
}

extension SettingType<String> {
    /// Any text.
    static var text: Self {
        Self(.text, write: { .text($0) }, { if case .text(let text) = $0 { text } else { nil } })
    }

    /// One of some names.
    static func choice(of names: [String]) -> Self {
        Self(
            .choice(names), write: { .text($0) },
            { if case .text(let text) = $0 { text } else { nil } })
    }
}

extension SettingType
where Value: RawRepresentable, Value.RawValue == String, Value: CaseIterable {
    /// The name of one of the cases.
    static var choice: Self {
        Self(
            .choice(Value.allCases.map(\.rawValue)), write: { .text($0.rawValue) },
            { if case .text(let text) = $0 { Value(rawValue: text) } else { nil } })
    }
}

extension SettingType<[String]> {
    /// Texts; empty ones are left out.
    ///
    /// - Parameter rejection: says what is wrong with a text, if anything.
    /// - Returns: the type.
    static func texts(
        rejection: @escaping @Sendable (String) -> SettingRejection? = { _ in nil }
    ) -> Self {
        list { (texts) throws(SettingRejection) in
            let texts = texts.filter { !$0.isEmpty }
            for text in texts {
                if let rejection = rejection(text) { throw rejection }
            }
            return texts
        }
    }

    /// Texts that are read together.
    static func list(
        _ read: @escaping @Sendable ([String]) throws(SettingRejection) -> [String]
    ) -> Self {
        Self(
            form: .texts, write: { .texts($0) },
            read: { (value) throws(SettingRejection) in
                guard case .texts(let texts) = value else {
                    throw SettingRejection(expected: "a list of text", found: "\(value)")
                }
                return try read(texts)
            })
    }
}

extension SettingType {
    /// Things that are written as a text each; empty texts are left out.
    ///
    /// - Parameters:
    ///   - write: the text of one.
    ///   - read: the one of a text.
    /// - Returns: the type.
    static func listed<Element: Sendable>(
        write: @escaping @Sendable (Element) -> String,
        _ read: @escaping @Sendable (String) -> Element
    ) -> Self where Value == [Element] {
        Self(
            .texts, write: { .texts($0.map(write)) },
            {
                guard case .texts(let texts) = $0 else { return nil }
                return texts.filter { !$0.isEmpty }.map(read)
            })
    }
}

extension SettingType<[Int]> {
    /// Numbers within a range.
    static func numbers(_ range: ClosedRange<Int>) -> Self {
        Self(
            .numbers(range), write: { .numbers($0) },
            { if case .numbers(let numbers) = $0 { numbers } else { nil } })
    }
}

extension SettingForm {
    /// What a value must be, as an error says it.
    func expectation(unit: String?) -> String {
        switch self {
        case .text: "text"
        case .choice(let names): "one of " + names.joined(separator: ", ")
        case .number(let range, let multiple):
            (multiple == 1 ? "a whole number" : "a multiple of \(multiple)")
                + (unit.map { " (\($0))" } ?? "")
                + " from \(range.lowerBound) to \(range.upperBound)"
        case .onOff: "true or false"
        case .texts: "a list of text"
        case .size: "a size with its unit such as 12GiB, or a share of memory such as 80%"
        case .numbers(let range):
            "a list of whole numbers from \(range.lowerBound) to \(range.upperBound)"
        }
    }
}
