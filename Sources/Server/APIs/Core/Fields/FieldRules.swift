// SPDX-License-Identifier: Apache-2.0

/// What the limits of fields depend on: whose API it is, and what the operator allows.
package struct FieldRules: Sendable {
    /// Whose API it is.
    package let dialect: Dialect

    /// What the operator allows.
    package let limits: RequestLimits

    /// Rules of an API and an operator.
    package init(dialect: Dialect = .openAI, limits: RequestLimits = .init()) {
        self.dialect = dialect
        self.limits = limits
    }
}

/// The numbers that a field takes.
package struct NumberRange: Sendable {
    /// From the least number to the greatest.
    package let numbers: ClosedRange<Double>

    /// Whether the least one itself is too small.
    package let excludesLowerBound: Bool

    /// A range.
    package init(_ numbers: ClosedRange<Double>, excludesLowerBound: Bool = false) {
        self.numbers = numbers
        self.excludesLowerBound = excludesLowerBound
    }
}
