// SPDX-License-Identifier: Apache-2.0

/// A file of a repository, as its listing has it.
package struct RepositoryFile: Hashable, Sendable {
    /// The names from the top of the repository on; each is fit to name a file here.
    package let path: [String]
    package let byteCount: Int
    /// Nil where the listing does not say; then nothing but its length can be checked.
    package let digest: FileDigest?

    /// A file; nil where its path would leave the folder that it is put into, or its name would be
    /// that of something else here.
    ///
    /// - Parameters:
    ///   - path: with slashes.
    ///   - byteCount: at least 0.
    ///   - digest: of its bytes.
    package init?(path: String, byteCount: Int, digest: FileDigest?) {
        let names = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard (1...16).contains(names.count), names.allSatisfy(Self.isName), byteCount >= 0 else {
            return nil
        }
        self.path = names
        self.byteCount = byteCount
        self.digest = digest
    }

    /// The path with slashes.
    package var text: String { path.joined(separator: "/") }

    /// The last name.
    package var name: String { path[path.count - 1] }

    /// Whether a server may choose this name: nothing that means a folder, an option or a file of
    /// our own, and nothing that a terminal would not show.
    static func isName(_ name: String) -> Bool {
        (1...200).contains(name.utf8.count) && name != "." && name != ".."
            && !name.hasPrefix("-") && !name.hasSuffix(".part") && !name.hasSuffix(".part.json")
            && name.unicodeScalars.allSatisfy { scalar in
                scalar.value >= 0x20 && scalar != "/" && scalar != "\\" && scalar.value != 0x7F
                    && ![.control, .format, .lineSeparator, .paragraphSeparator].contains(
                        scalar.properties.generalCategory)
            }
    }
}
