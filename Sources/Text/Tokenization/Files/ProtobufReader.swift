// SPDX-License-Identifier: Apache-2.0

/// Reads the fields of one protocol buffer message; bounded and total.
struct ProtobufReader {
    /// A field's content, by wire type.
    enum Value: Equatable {
        case varint(UInt64)
        case fixed64(UInt64)
        case bytes(Range<Int>)
        case fixed32(UInt32)
    }

    /// What is wrong, and at which byte.
    struct Failure: Error, Equatable {
        var offset: Int
        var reason: String
    }

    private let bytes: [UInt8]
    private var index: Int
    private let end: Int

    /// Creates a reader of the message in `bytes[range]`.
    init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        index = range.lowerBound
        end = range.upperBound
    }

    /// The next field's number and content, or nil at the end.
    mutating func next() throws(Failure) -> (field: Int, value: Value)? {
        if index == end { return nil }
        let start = index
        let tag = try varint()
        guard tag >> 3 > 0, tag >> 3 < 1 << 29 else {
            throw Failure(offset: start, reason: "field number \(tag >> 3) is not possible")
        }
        let field = Int(tag >> 3)
        switch tag & 7 {
        case 0: return (field, .varint(try varint()))
        case 1: return (field, .fixed64(try fixed(8)))
        case 2:
            let length = try varint()
            guard length <= UInt64(end - index) else {
                throw Failure(
                    offset: start,
                    reason:
                        "field \(field) is \(length) bytes long, but only \(end - index) are left")
            }
            let range = index..<index + Int(length)
            index = range.upperBound
            return (field, .bytes(range))
        case 5: return (field, .fixed32(UInt32(truncatingIfNeeded: try fixed(4))))
        default:
            throw Failure(offset: start, reason: "field \(field) has wire type \(tag & 7)")
        }
    }

    private mutating func varint() throws(Failure) -> UInt64 {
        let start = index
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard index < end else { throw Failure(offset: start, reason: "truncated number") }
            let byte = bytes[index]
            index += 1
            value |= shift < 64 ? UInt64(byte & 0x7F) << shift : 0
            if byte < 0x80 { return value }
        }
        throw Failure(offset: start, reason: "a number of more than ten bytes")
    }

    private mutating func fixed(_ count: Int) throws(Failure) -> UInt64 {
        guard end - index >= count else {
            throw Failure(offset: index, reason: "truncated number")
        }
        var value: UInt64 = 0
        for offset in 0..<count { value |= UInt64(bytes[index + offset]) << UInt64(8 * offset) }
        index += count
        return value
    }
}
