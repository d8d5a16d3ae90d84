// SPDX-License-Identifier: Apache-2.0

/// What cannot be computed, and why.
package enum TransformerError: Error, Equatable, CustomStringConvertible {
    /// A limit is not positive, too large, or (positions of a block) no multiple of 16 up to 4096.
    case unusableLimit(name: String, value: Int)
    /// Weights whose shapes are not the configuration's.
    case wrongShape(tensor: String, expected: [Int], found: [Int])
    /// More memory than there is, or than can be counted.
    case outOfMemory(what: String, byteCount: Int?)
    /// A token id outside of the vocabulary.
    case tokenOutOfRange(token: Int32, index: Int, vocabularySize: Int)
    /// More tokens or logits rows than the transformer was made for, or no tokens at all.
    case batchSize(what: String, count: Int, limit: Int)
    /// A file of weights that was cut short or overwritten while it was in use.
    case weightsLost(file: String)
    /// A slice that does not fit its batch, or whose blocks do not cover it.
    case malformedSlice(index: Int, reason: String)

    /// One line for people.
    package var description: String {
        switch self {
        case .unusableLimit(let name, let value):
            "\(name) is \(value): expected a positive number below 2^31"
                + (name == "positionsPerBlock" ? ", a multiple of 16 up to 4096" : "")
        case .wrongShape(let tensor, let expected, let found):
            "\(tensor): expected shape \(expected), found \(found)"
        case .outOfMemory(let what, let byteCount):
            "no memory for \(what)" + (byteCount.map { " of \($0) bytes" } ?? "")
        case .tokenOutOfRange(let token, let index, let vocabularySize):
            "token \(token) at index \(index) is not in the vocabulary of \(vocabularySize)"
        case .batchSize(let what, let count, let limit):
            "a batch of \(count) \(what): expected 1 to \(limit)"
        case .weightsLost(let file):
            "\(file) was cut short or overwritten while it was in use: restart with a whole file"
        case .malformedSlice(let index, let reason):
            "slice \(index): \(reason)"
        }
    }
}
