// SPDX-License-Identifier: Apache-2.0

/// One row of the table of settings: a key of the configuration file that is a flag and a variable of
/// the environment as well, and the field of ``ServiceConfiguration`` that it sets.
package typealias Setting = SettingRow<ServiceConfiguration>

/// What a table of settings sets.
package protocol SettingSubject: Sendable {
    /// Everything at its default.
    init()
}

/// One row of a table of settings: a key, and the field of the table's subject that it sets.
package struct SettingRow<Subject: SettingSubject>: Sendable {
    /// What a default begins with where the server does not start without a value.
    static var required: String { "required" }

    /// The key of the file, of which flag and variable are made.
    package let key: String
    /// What its values look like.
    package let form: SettingForm
    /// What its number counts, in the plural.
    package let unit: String?
    /// One sentence or two, for `--help` and the configuration file.
    package let summary: String
    /// What else there is to know, for the configuration file.
    let details: String
    /// What the field's own initial value is; nil where it has none.
    package let defaultValue: SettingValue?
    /// What holds in place of a default.
    let defaultText: String
    /// A value to show where there is no default.
    let example: String?
    /// Whether values are kept out of what is printed.
    let isSecret: Bool

    private let load: @Sendable (Subject) -> SettingValue?
    private let store: @Sendable (SettingValue, inout Subject) throws(SettingRejection) -> Void

    /// A row.
    ///
    /// - Parameters:
    ///   - key: as in the file; `--key` and `CIERZO_KEY` are made from it.
    ///   - field: what it sets, whose initial value is the setting's default.
    ///   - type: how values are written, and which are allowed.
    ///   - otherwise: what holds where nothing is set and there is no default.
    ///   - example: a value to show where there is no default.
    ///   - isSecret: whether values are kept out of what is printed.
    ///   - summary: one sentence or two, for `--help` and the configuration file.
    ///   - details: what else there is to know, for the configuration file.
    init<Value>(
        _ key: String, _ field: any WritableKeyPath<Subject, Value> & Sendable,
        _ type: SettingType<Value>, otherwise: String? = nil, example: String? = nil,
        isSecret: Bool = false, _ summary: String, _ details: String = ""
    ) {
        self.key = key
        form = type.form
        unit = type.unit
        self.summary = summary
        self.details = details
        load = { type.write($0[keyPath: field]) }
        defaultValue = load(Subject())
        defaultText = otherwise ?? defaultValue?.description ?? "none"
        self.example = example
        self.isSecret = isSecret
        store = { (value, configuration) throws(SettingRejection) in
            configuration[keyPath: field] = try type.read(value)
        }
    }

    /// A row that allows the same values as one of another table, and keeps them as they are.
    ///
    /// - Parameters:
    ///   - key: as in the file.
    ///   - row: the other one.
    ///   - field: where the value is kept.
    ///   - otherwise: what holds where nothing is set.
    init(
        _ key: String, like row: Setting,
        _ field: any WritableKeyPath<Subject, SettingValue?> & Sendable, otherwise: String
    ) {
        self.key = key
        form = row.form
        unit = row.unit
        summary = row.summary
        details = ""
        defaultValue = nil
        defaultText = otherwise
        example = row.example ?? row.defaultText
        isSecret = false
        load = { $0[keyPath: field] }
        store = { (value, subject) throws(SettingRejection) in
            var scratch = ServiceConfiguration()
            try row.set(value, in: &scratch)
            subject[keyPath: field] = value
        }
    }

    /// The flag on the command line.
    package var flag: String { "--\(key)" }

    /// The variable of the environment.
    package var variable: String {
        "CIERZO_" + key.uppercased().split(separator: "-").joined(separator: "_")
    }

    /// What values are allowed, as an error says it.
    var expectation: String { form.expectation(unit: unit) }

    /// What the field says, as one would write it; nil where it is not set.
    package func value(in configuration: Subject) -> SettingValue? {
        load(configuration)
    }

    /// Sets the field.
    ///
    /// - Throws: what is wrong with a value that has the right form.
    func set(
        _ value: SettingValue, in configuration: inout Subject
    ) throws(SettingRejection) {
        let isAllowed =
            switch (form, value) {
            case (.number(let range, let multiple), .number(let number)):
                range.contains(number) && number % multiple == 0
            case (.numbers(let range), .numbers(let numbers)):
                numbers.allSatisfy(range.contains)
            case (.choice(let names), .text(let text)): names.contains(text)
            default: true
            }
        guard isAllowed else {
            throw SettingRejection(expected: expectation, found: "\(value)")
        }
        try store(value, &configuration)
    }

    /// Which values there are, and which of them is the default.
    package var facts: String {
        let unit = unit.map { " \($0)" } ?? ""
        let values: String? =
            switch form {
            case .number(let range, 1), .numbers(let range):
                "From \(range.lowerBound) to \(range.upperBound)\(unit)"
            case .number(let range, let multiple):
                Self.list(
                    stride(from: range.lowerBound, through: range.upperBound, by: multiple)
                        .map(String.init)) + unit
            case .choice(let names): "One of " + Self.list(names)
            case .size:
                form.expectation(unit: nil).prefix(1).uppercased()
                    + form.expectation(unit: nil).dropFirst()
            case .text, .onOff, .texts: nil
            }
        if defaultText.hasPrefix(Self.required) {
            return defaultText.prefix(1).uppercased() + defaultText.dropFirst() + "."
        }
        return values.map { "\($0); default: \(defaultText)." } ?? "Default: \(defaultText)."
    }

    private static func list(_ names: [String]) -> String {
        guard let last = names.last, names.count > 1 else { return names.joined() }
        return names.dropLast().joined(separator: ", ") + " or \(last)"
    }
}
