// SPDX-License-Identifier: Apache-2.0

package import Computation
package import Quantization

/// A cursor over a part of a mapped file that reads little-endian values and never past its end.
///
/// This file holds all of this target's unsafe loads: each is checked against the file's length
/// right before it.
package struct ByteReader {
    let file: ByteStorage
    /// Where the next value is read.
    private(set) var offset: Int
    /// One past the last readable byte.
    let end: Int

    /// A cursor at the start of `range`, which is cut to the file's length.
    package init(_ file: ByteStorage, range: Range<Int>? = nil) {
        self.file = file
        let whole = 0..<file.byteCount
        let readable = range?.clamped(to: whole) ?? whole
        offset = readable.lowerBound
        end = readable.upperBound
    }

    /// Bytes that are left.
    var remaining: Int { end - offset }

    /// Reads one little-endian integer.
    package mutating func read<Value: FixedWidthInteger & BitwiseCopyable>(
        _: Value.Type, what: @autoclosure () -> String
    ) throws(ModelFileError) -> Value {
        let size = MemoryLayout<Value>.size
        try require(size, what: what())
        let value = unsafe file.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self)
        offset += size
        return Value(littleEndian: value)
    }

    /// Reads `count` values of a type of which every bit pattern is valid.
    package mutating func readArray<Value: BitwiseCopyable>(
        of _: Value.Type, count: Int, what: @autoclosure () -> String
    ) throws(ModelFileError) -> [Value] {
        let (size, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Value>.stride)
        guard !overflow, count >= 0 else {
            throw fail("\(what()) has a count of \(count)")
        }
        try require(size, what: what())
        let start = offset
        file.bringIn(start..<start + size)
        let values = unsafe [Value](unsafeUninitializedCapacity: count) { buffer, initialized in
            unsafe file.bytes.withUnsafeBytes { source in
                let part = unsafe UnsafeRawBufferPointer(rebasing: source[start..<start + size])
                unsafe UnsafeMutableRawBufferPointer(buffer).copyMemory(from: part)
            }
            initialized = count
        }
        offset += size
        return values
    }

    /// Reads `count` elements of any type, a whole number of blocks.
    package mutating func readFloats(
        _ type: ElementType, count: Int, what: @autoclosure () -> String
    ) throws(ModelFileError) -> [Float] {
        switch type {
        case .f32: return try readArray(of: Float.self, count: count, what: what())
        case .f16:
            let bits = try readArray(of: UInt16.self, count: count, what: what())
            return bits.map { Float(Float16(bitPattern: $0)) }
        case .bf16:
            let bits = try readArray(of: UInt16.self, count: count, what: what())
            return bits.map { Float(bitPattern: UInt32($0) << 16) }
        default:
            let byteCount = count / type.elementsPerBlock * type.bytesPerBlock
            return type.decoded(try readArray(of: UInt8.self, count: byteCount, what: what()))
        }
    }

    /// Reads `byteCount` bytes of UTF-8.
    mutating func readString(
        byteCount: Int, what: @autoclosure () -> String
    ) throws(ModelFileError) -> String {
        try require(byteCount, what: what())
        let start = offset
        let text = unsafe file.bytes.withUnsafeBytes { source in
            unsafe String(validating: source[start..<start + byteCount], as: UTF8.self)
        }
        guard let text else {
            throw fail("\(what()) is not valid UTF-8")
        }
        offset += byteCount
        return text
    }

    /// XXH64 of the next `byteCount` bytes; the cursor stays.
    func checksum(
        byteCount: Int, what: @autoclosure () -> String
    ) throws(ModelFileError) -> UInt64 {
        try require(byteCount, what: what())
        do {
            return XXH64.of(try file.bytes(at: offset, count: byteCount))
        } catch {
            throw fail("\(error)")
        }
    }

    /// Moves the cursor `byteCount` bytes on.
    mutating func skip(_ byteCount: Int, what: @autoclosure () -> String) throws(ModelFileError) {
        try require(byteCount, what: what())
        offset += byteCount
    }

    /// An error at the cursor.
    func fail(_ problem: String) -> ModelFileError {
        .malformed(path: file.path, offset: offset, problem: problem)
    }

    private func require(
        _ byteCount: Int, what: @autoclosure () -> String
    ) throws(ModelFileError) {
        guard byteCount >= 0, byteCount <= remaining else {
            throw fail("\(what()) needs \(byteCount) bytes, but only \(remaining) are left")
        }
    }
}

extension ByteStorage {
    /// The whole content; for small files only.
    func contents() -> [UInt8] {
        unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) }
    }

    /// Whether the file starts with these bytes.
    func hasPrefix(_ prefix: [UInt8]) -> Bool {
        unsafe bytes.withUnsafeBytes { unsafe $0.starts(with: prefix) }
    }

    /// The index of the first value that is NaN or infinite among 16-bit words laid `stride` bytes
    /// apart, `count` of them from `start`; a word is not finite where all bits of `exponentMask`
    /// are set in it.
    ///
    /// - Precondition: all of them lie inside the file.
    func firstNonFinite16(start: Int, stride: Int, count: Int, exponentMask: UInt16) -> Int? {
        guard count > 0 else { return nil }
        let end = start + (count - 1) * stride + 2
        precondition(start >= 0 && end <= byteCount)
        bringIn(start..<end)
        return unsafe bytes.withUnsafeBytes { source in
            var place = start
            for index in 0..<count {
                let word = unsafe source.loadUnaligned(fromByteOffset: place, as: UInt16.self)
                if UInt16(littleEndian: word) & exponentMask == exponentMask { return index }
                place += stride
            }
            return nil
        }
    }

    /// The index of the first among 32-bit words laid `stride` bytes apart, `count` of them from
    /// `start`, in which all bits of `mask` are set.
    ///
    /// - Precondition: all of them lie inside the file.
    func firstWord32(start: Int, stride: Int, count: Int, mask: UInt32) -> Int? {
        guard count > 0 else { return nil }
        let end = start + (count - 1) * stride + 4
        precondition(start >= 0 && end <= byteCount)
        bringIn(start..<end)
        return unsafe bytes.withUnsafeBytes { source in
            for index in 0..<count {
                let word = unsafe source.loadUnaligned(
                    fromByteOffset: start + index * stride, as: UInt32.self)
                if UInt32(littleEndian: word) & mask == mask { return index }
            }
            return nil
        }
    }

    /// The index of the first of `count` 32-bit floats from `start` that is NaN or infinite.
    ///
    /// - Precondition: all of them lie inside the file.
    func firstNonFinite32(start: Int, count: Int) -> Int? {
        precondition(start >= 0 && start + count * 4 <= byteCount)
        bringIn(start..<start + count * 4)
        return unsafe bytes.withUnsafeBytes { source in
            for index in 0..<count {
                let word = unsafe source.loadUnaligned(
                    fromByteOffset: start + index * 4, as: UInt32.self)
                if UInt32(littleEndian: word) & 0x7F80_0000 == 0x7F80_0000 { return index }
            }
            return nil
        }
    }
}
