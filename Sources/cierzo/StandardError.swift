// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation

/// Writes a line for people to stderr.
func note(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
}

/// Says on one line of stderr what failed, and ends the command with exit code 1.
///
/// - Parameter error: its description is shown with line breaks and control characters replaced,
///   for file names and keys in it may be anything.
/// - Returns: what a command throws to end with code 1 and nothing more said.
func failure(_ error: any Error) -> ExitCode {
    let text = String(describing: error).unicodeScalars.map { scalar in
        scalar.properties.generalCategory == .control ? " " : String(scalar)
    }.joined()
    note("cierzo: \(text)")
    return ExitCode(1)
}
