// SPDX-License-Identifier: Apache-2.0

import Computation

/// A tensor of single bytes, or of numbers of eight bits.
struct RawTensor: Sendable {
    /// What its bytes are.
    enum Kind: Sendable {
        /// Bytes of any meaning.
        case bytes
        /// Numbers of 4 bits of exponent and 3 of mantissa.
        case e4m3
    }

    /// What its bytes are.
    var kind = Kind.bytes
    /// What holds them.
    var file: ByteStorage
    /// Sizes, the contiguous one last.
    var shape: [Int]
    /// Where they begin, counted from the start of the file.
    var byteOffset: Int
}

/// A tensor that no product can read, of an element type or shape that is not known: no harm as
/// long as the model does not need it.
struct UnreadableTensor: Sendable {
    var name: String
    /// The file that holds it.
    var path: String
    /// What keeps it from being read.
    var problem: String
    /// Whether it cannot be a weight: it is empty, or its elements are integers or truth values.
    var isInert: Bool
    /// Its bytes, where it is one of single bytes, of which a part of the model may be made.
    var bytes: RawTensor?

    /// Why the model that needs it cannot be used.
    var error: ModelFileError { .tensor(path: path, name: name, problem: problem) }
}
