// SPDX-License-Identifier: Apache-2.0

import Computation
import Quantization

extension ModelFile {
    /// What tells these weights from others, such as those of another quantisation: a checksum of
    /// all tensors' names, types and shapes, of small tensors' bytes and of some bytes of each large
    /// one.
    ///
    /// The same at every start, and for a packed file the same as for what it was packed from. A
    /// kibibyte is read of each large tensor at most, never all of it.
    package func weightsDigest() -> UInt64 {
        if let digest = packed?.header.weightsDigest { return digest }
        return digestOfBytes()
    }

    /// The same, but always of the bytes that are there now.
    func digestOfBytes() -> UInt64 {
        var all: [UInt8] = []
        let tensors = storedTensors + [ropeFactors].compactMap(\.self)
        for tensor in tensors.sorted(by: { $0.name < $1.name }) {
            all.append(littleEndian: tensor.digest)
        }
        return XXH64.of(all)
    }
}

extension StoredTensor {
    private static let wholeByteCount = 1 << 16
    private static let pieceByteCount = 256
    private static let pieceCount = 4

    fileprivate var digest: UInt64 {
        var bytes = Array(name.utf8) + [0] + Array(type.name.utf8) + [0]
        for size in shape { bytes.append(littleEndian: UInt64(size)) }
        let isWhole = byteCount <= Self.wholeByteCount
        let length = isWhole ? byteCount : Self.pieceByteCount
        for piece in 0..<(isWhole ? 1 : Self.pieceCount) {
            // From the first bytes to the last ones.
            let start = byteOffset + (byteCount - length) * piece / (Self.pieceCount - 1)
            var reader = ByteReader(file, range: start..<start + length)
            bytes += (try? reader.readArray(of: UInt8.self, count: length, what: name)) ?? []
        }
        return XXH64.of(bytes)
    }
}
