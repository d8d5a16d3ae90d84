// SPDX-License-Identifier: Apache-2.0

package import HTTPTypes

/// The content codings that a client accepts (RFC 9110 §12.5.3).
package struct AcceptEncoding: Sendable, Equatable {
    /// Whether an answer is better sent as gzip than as it is.
    package let prefersGzip: Bool

    /// Reads the field of a request; who does not send it gets everything as it is.
    ///
    /// A weight that cannot be read is none: nothing is sent that may not have been asked for.
    package init(_ fields: HTTPFields) {
        var weights: [String: Int] = [:]
        for value in fields[values: .acceptEncoding] {
            for element in value.split(separator: ",") {
                let parts = element.split(separator: ";", omittingEmptySubsequences: false)
                let coding = Self.trimmed(parts.first ?? "").asciiLowercased()
                guard !coding.isEmpty else { continue }
                weights[coding] = Self.weight(parts.dropFirst())
            }
        }
        let gzip = weights["gzip"] ?? weights["x-gzip"] ?? weights["*"] ?? 0
        prefersGzip = gzip > 0 && gzip >= weights["identity"] ?? 0
    }

    /// The weight of a coding in thousandths; 0 for one that is not wanted.
    private static func weight(_ parameters: ArraySlice<Substring>) -> Int {
        guard let parameter = parameters.first else { return 1_000 }
        let parts = trimmed(parameter).split(separator: "=", omittingEmptySubsequences: false)
        guard parameters.count == 1, parts.count == 2, trimmed(parts[0]).isASCIIEqual(to: "q")
        else { return 0 }
        let digits = trimmed(parts[1]).split(separator: ".", omittingEmptySubsequences: false)
        let fraction = digits.count == 2 ? String(digits[1]) : ""
        guard (1...2).contains(digits.count), ["0", "1"].contains(digits[0]),
            fraction.utf8.count <= 3, fraction.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let thousandths = Int(
                fraction + String(repeating: "0", count: 3 - fraction.utf8.count))
        else { return 0 }
        let weight = (digits[0] == "1" ? 1_000 : 0) + thousandths
        return weight <= 1_000 ? weight : 0
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
