// SPDX-License-Identifier: Apache-2.0

/// Why a chat template could not be read or rendered.
package enum TemplateError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The source is not a Jinja template.
    case syntax(String, at: TemplatePosition)

    /// Rendering failed as it would in Jinja2: an undefined value used, a wrong type, a bad argument.
    case evaluation(String, at: TemplatePosition)

    /// Rendering would have passed a bound of `TemplateLimits`.
    case limit(String, at: TemplatePosition)

    /// The template asks for something of Jinja2 that this engine leaves out: what it is.
    case unsupported(String, at: TemplatePosition)

    /// The template itself called `raise_exception` with this message: the conversation does not suit it.
    case raised(String)

    /// What happened and where, for a log or a client.
    package var description: String {
        switch self {
        case .syntax(let message, let position):
            "template syntax error at \(position): \(message)"
        case .evaluation(let message, let position):
            "template error at \(position): \(message)"
        case .limit(let message, let position):
            "template limit reached at \(position): \(message)"
        case .unsupported(let message, let position):
            "template error at \(position): this server's templates have no \(message)"
        case .raised(let message):
            "the chat template rejects this conversation: \(message)"
        }
    }
}

/// A place in a template's source, counted from 1.
package struct TemplatePosition: Equatable, Sendable, CustomStringConvertible {
    /// The line, counted from 1.
    package var line: Int

    /// The column in code points, counted from 1.
    package var column: Int

    /// A position at `line` and `column`.
    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// The position as `line:column`.
    package var description: String { "\(line):\(column)" }
}
