// SPDX-License-Identifier: Apache-2.0

package import ModelFiles
package import Testing

/// Whether an error prints as one line of bounded length without control characters.
package func isOneLine(_ error: ModelFileError) -> Bool {
    let text = "\(error)"
    return !text.isEmpty && text.count < 1000
        && text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
}

/// Expects `body` to throw a `ModelFileError` of one line which contains `mentions`.
package func expectOneLineError(
    mentions: String = "", sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
) throws {
    do {
        try body()
        Issue.record("no error", sourceLocation: sourceLocation)
    } catch let error as ModelFileError {
        #expect(isOneLine(error), "\(error)", sourceLocation: sourceLocation)
        #expect(
            mentions.isEmpty || "\(error)".contains(mentions), "\(error)",
            sourceLocation: sourceLocation)
    }
}

extension ModelTensors {
    /// The norm before the output matrix.
    package var outputNorm: [Float] { outputs.vector(.outputNorm) }
}
