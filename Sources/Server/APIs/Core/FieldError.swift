// SPDX-License-Identifier: Apache-2.0

/// Why the body of a request cannot be served; each names the field.
package enum FieldError: Error, Hashable, CustomStringConvertible {
    /// The body is not JSON, or not a JSON object.
    case malformed(reason: String)

    /// The body is not JSON, for a field has a number that JSON cannot write, such as NaN.
    case unwritable(FieldPath, number: String)

    /// A required field is absent or null.
    case missing(FieldPath)

    /// A field has another JSON type.
    case wrongType(FieldPath, expected: String, found: String)

    /// A field has the right type and a value that it may not have.
    case invalid(FieldPath, expected: String)

    /// A field asks for something that this server does not do.
    case unsupported(FieldPath, reason: String)

    /// A field that the API does not have (only where unknown fields are errors).
    case unknownField(FieldPath)

    /// The field, or nil for the body as a whole.
    package var path: FieldPath? {
        switch self {
        case .malformed: nil
        case .unwritable(let path, _), .missing(let path), .wrongType(let path, _, _),
            .invalid(let path, _),
            .unsupported(let path, _), .unknownField(let path):
            path
        }
    }

    /// One line that names the field, what was expected and what was found.
    package var description: String {
        switch self {
        case .malformed(let reason): "the body is not a valid JSON object: \(reason)"
        case .unwritable(let path, let number):
            "\(path): expected a number that JSON can write, found \(number)"
        case .missing(let path): "\(path): field required"
        case .wrongType(let path, let expected, let found):
            "\(path): expected \(expected), found \(found)"
        case .invalid(let path, let expected): "\(path): expected \(expected)"
        case .unsupported(let path, let reason): "\(path): \(reason)"
        case .unknownField(let path): "\(path): extra inputs are not permitted"
        }
    }
}
