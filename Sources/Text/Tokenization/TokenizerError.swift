// SPDX-License-Identifier: Apache-2.0

/// Why a vocabulary could not be read.
package enum TokenizerError: Error, Equatable, CustomStringConvertible {
    /// No tokenizer file was found where one should be.
    case missing(path: String)

    /// A file could not be read, or is larger than the limit.
    case unreadable(path: String, reason: String)

    /// A field has a wrong type or value.
    case malformed(file: String, field: String, reason: String)

    /// The file is well formed but asks for something that is not implemented.
    case unsupported(file: String, feature: String)

    /// One line that names the file and the field.
    package var description: String {
        switch self {
        case .missing(let path):
            "no tokenizer in \(path): expected tekken.json, tokenizer.json or tokenizer.model"
        case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
        case .malformed(let file, let field, let reason): "\(file): \(field): \(reason)"
        case .unsupported(let file, let feature): "\(file): unsupported \(feature)"
        }
    }
}

/// A foreign text in quotation marks, on one line and not long.
func quoted(_ text: String) -> String {
    var result = "\""
    for (count, scalar) in text.unicodeScalars.enumerated() {
        if count == 60 {
            result += "…"
            break
        }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse:
            result += "\\u{\(String(scalar.value, radix: 16))}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
