// SPDX-License-Identifier: Apache-2.0

/// Why a model file cannot be used; its description is one line that names the file and the spot.
package enum ModelFileError: Error, Equatable, CustomStringConvertible {
    /// The file or folder cannot be read at all.
    case unreadable(path: String, reason: String)
    /// It can be read, but is not a model.
    case unrecognised(path: String, reason: String)
    /// The bytes at `offset` break the format.
    case malformed(path: String, offset: Int, problem: String)
    /// A metadata key (GGUF) or a JSON field has no usable value.
    case metadata(path: String, key: String, problem: String)
    /// A tensor is missing, or its type, shape, place or content is wrong.
    case tensor(path: String, name: String, problem: String)
    /// A file cannot be written.
    case unwritable(path: String, reason: String)
    /// A sound file that asks for something which Cierzo does not do.
    case unsupported(path: String, problem: String)
    /// A packed file that does not fit this program: it has to be packed again.
    case stale(path: String, reason: String)
    /// What is not done unless the caller insists.
    case refused(path: String, reason: String, unless: Insistence)

    /// On what a caller can insist.
    package enum Insistence: Sendable, Equatable {
        /// On replacing a file.
        case replacing
        /// On quantising what is quantised already.
        case requantizing
        /// On a packed file whose sources have changed.
        case staleness
    }

    package var description: String {
        switch self {
        case .unreadable(let path, let reason), .unrecognised(let path, let reason),
            .unwritable(let path, let reason), .refused(let path, let reason, _):
            "\(printable(path)): \(printable(reason, limit: 400))"
        case .malformed(let path, let offset, let problem):
            "\(printable(path)): byte \(offset): \(printable(problem, limit: 400))"
        case .metadata(let path, let key, let problem):
            "\(printable(path)): \(printable(key)): \(printable(problem, limit: 400))"
        case .tensor(let path, let name, let problem):
            "\(printable(path)): tensor \(printable(name)): \(printable(problem, limit: 400))"
        case .unsupported(let path, let problem):
            "\(printable(path)): \(printable(problem, limit: 400))"
        case .stale(let path, let reason):
            "\(printable(path)): \(printable(reason, limit: 600))"
        }
    }
}

/// `text` with control characters escaped and its middle cut out where it is long, so that text out
/// of a foreign file stays within one readable line of a terminal.
func printable(_ text: String, limit: Int = 200) -> String {
    var result = ""
    var count = 0
    for scalar in text.unicodeScalars {
        if count == limit {
            result += "…"
            break
        }
        count += 1
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned:
            result += "\\u{\(String(scalar.value, radix: 16))}"
        default:
            result.unicodeScalars.append(scalar)
        }
    }
    return result
}
