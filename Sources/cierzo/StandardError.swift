// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Console
import ModelFiles

/// Writes a line for people to stderr, as far as that is possible.
func note(_ text: String) {
    DiagnosticWriter.standardError.write(text + "\n")
}

/// Writes a line of a command's answer to stdout.
///
/// - Throws: `StandardOutputError`, with which the command ends.
func printLine(_ text: String = "") throws {
    try StandardOutput.write(text + "\n")
}

/// Says on one line of stderr what failed, and ends the command with exit code 1.
///
/// - Parameter error: its description is shown with line breaks and control characters replaced,
///   for file names and keys in it may be anything.
/// - Returns: what a command throws to end with code 1 and nothing more said; where nobody reads its
///   answer any more, it ends without a word, with the code that shells know for that.
func failure(_ error: any Error) -> ExitCode {
    if error as? StandardOutputError == .ended {
        return ExitCode(StandardOutputError.endedExitCode)
    }
    let text = explanation(of: error).unicodeScalars.map { scalar in
        scalar.properties.generalCategory == .control ? " " : String(scalar)
    }.joined()
    note("cierzo: \(text)")
    return ExitCode(1)
}

/// What went wrong, and what the command line has against it.
func explanation(of error: any Error) -> String {
    let text = String(describing: error)
    return switch error as? ModelFileError {
    case .refused(_, _, .replacing): text + "; --force replaces it"
    case .refused(_, _, .requantizing): text + ", or insist with --allow-requantize"
    case .refused(_, _, .staleness):
        text + "; accept the packed file as it is with --accept-stale, or run `cierzo pack` again"
    case .stale: text + ": run `cierzo pack` again"
    default: text
    }
}
