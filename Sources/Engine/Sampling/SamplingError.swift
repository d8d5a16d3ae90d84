// SPDX-License-Identifier: Apache-2.0

/// Why no token could be chosen.
package enum SamplingError: Error, Equatable, CustomStringConvertible {
    /// A field of the parameters is out of its range.
    case invalidParameter(field: String, expected: String)

    /// The model gave a logit that is not a number, or is positive infinity.
    case invalidLogit(token: Int32)

    /// Every token is masked.
    case noCandidate

    /// One line that names the field or the token.
    package var description: String {
        switch self {
        case .invalidParameter(let field, let expected): "\(field): expected \(expected)"
        case .invalidLogit(let token):
            "the model's logits are damaged: that of token \(token) is not a finite number"
        case .noCandidate: "no token is left to choose from: all of them are masked"
        }
    }
}
