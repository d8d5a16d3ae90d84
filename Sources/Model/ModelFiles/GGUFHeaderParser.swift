// SPDX-License-Identifier: Apache-2.0

import Computation
import Quantization

/// Reads the header of a GGUF file: counts, metadata, tensor table; checks all of it.
struct GGUFHeaderParser {
    /// Bounds on what a header may ask for, far above any real file's.
    enum Limits {
        static let keyCount = 1 << 16
        static let tensorCount = 1 << 20
        static let nameByteCount = 1 << 10
        static let stringByteCount = 1 << 26
        static let arrayDepth = 4
        /// Of all arrays together; the largest vocabularies have some hundred thousand.
        static let elementCount = 1 << 25
        static let alignment = 1 << 20
    }

    private(set) var version = 0
    /// How many elements the arrays to come may have.
    private var elementsLeft = Limits.elementCount
    private(set) var alignment = 32
    private(set) var metadata = GGUFMetadata()
    private(set) var tensors: [GGUFTensor] = []
    private(set) var unreadable: [UnreadableTensor] = []
    private(set) var dataOffset = 0
    private var reader: ByteReader

    init(_ file: ByteStorage) {
        reader = ByteReader(file)
    }

    mutating func parse() throws(ModelFileError) {
        let (tensorCount, keyCount) = try parsePreamble()
        for index in 0..<keyCount {
            try parsePair(index)
        }
        alignment = try checkedAlignment()
        let entries = try parseTensorTable(count: tensorCount)
        dataOffset = (reader.offset + alignment - 1) / alignment * alignment
        var placed: [(entry: Entry, byteOffset: Int)] = []
        for entry in entries { placed.append((entry, try place(entry))) }
        try checkOverlaps(placed)
        for (entry, byteOffset) in placed {
            if let problem = entry.problem {
                unreadable.append(
                    UnreadableTensor(
                        name: entry.name, path: reader.file.path, problem: problem,
                        isInert: entry.isInert))
            } else if let type = entry.type.elementType {
                tensors.append(
                    GGUFTensor(
                        name: entry.name, type: type, dimensions: entry.dimensions,
                        byteOffset: byteOffset, byteCount: entry.byteCount))
            }
        }
    }

    // MARK: Preamble

    private mutating func parsePreamble() throws(ModelFileError) -> (tensors: Int, keys: Int) {
        guard reader.file.hasPrefix(Array("GGUF".utf8)) else {
            throw .unrecognised(
                path: reader.file.path, reason: "not a GGUF file (it does not begin with “GGUF”)")
        }
        try reader.skip(4, what: "the magic number")
        let stated = try reader.read(UInt32.self, what: "the version")
        switch stated {
        case 2, 3: version = Int(stated)
        case 1:
            throw unsupported("GGUF version 1 is not supported; convert the file to version 3")
        case let other where other.byteSwapped <= 16 && other != 0:
            throw unsupported("big-endian GGUF is not supported; convert the file to little-endian")
        default: throw unsupported("GGUF version \(stated) is not supported (2 and 3 are)")
        }
        let tensorCount = try count(
            "the number of tensors", limit: Limits.tensorCount, smallest: 24)
        let keyCount = try count("the number of keys", limit: Limits.keyCount, smallest: 13)
        return (tensorCount, keyCount)
    }

    /// Reads a 64-bit count of things that take at least `smallest` bytes each.
    private mutating func count(
        _ what: String, limit: Int, smallest: Int
    ) throws(ModelFileError) -> Int {
        let at = reader
        let value = try reader.read(UInt64.self, what: what)
        guard let count = Int(exactly: value), count <= limit else {
            throw at.fail("\(what) is \(value), more than the limit of \(limit)")
        }
        guard count <= reader.remaining / smallest else {
            throw at.fail(
                "\(what) is \(count), but the file has only \(reader.remaining) bytes left")
        }
        return count
    }

    // MARK: Metadata

    private mutating func parsePair(_ index: Int) throws(ModelFileError) {
        let start = reader
        let key = try string("the name of key \(index)", limit: Limits.nameByteCount)
        guard !key.isEmpty else { throw start.fail("key \(index) has an empty name") }
        guard metadata[key] == nil else {
            throw .metadata(path: reader.file.path, key: key, problem: "the key occurs twice")
        }
        let type = try valueType(of: key)
        metadata[key] = try value(type, of: key)
    }

    private mutating func valueType(of key: String) throws(ModelFileError) -> GGUFValueType {
        let raw = try reader.read(UInt32.self, what: "the type of “\(key)”")
        guard let type = GGUFValueType(rawValue: raw) else {
            throw .metadata(
                path: reader.file.path, key: key, problem: "unknown value type \(raw)")
        }
        return type
    }

    private mutating func value(
        _ type: GGUFValueType, of key: String
    ) throws(ModelFileError) -> GGUFValue {
        switch type {
        case .uint8: return .uint8(try reader.read(UInt8.self, what: key))
        case .int8: return .int8(try reader.read(Int8.self, what: key))
        case .uint16: return .uint16(try reader.read(UInt16.self, what: key))
        case .int16: return .int16(try reader.read(Int16.self, what: key))
        case .uint32: return .uint32(try reader.read(UInt32.self, what: key))
        case .int32: return .int32(try reader.read(Int32.self, what: key))
        case .uint64: return .uint64(try reader.read(UInt64.self, what: key))
        case .int64: return .int64(try reader.read(Int64.self, what: key))
        case .float32:
            return .float32(Float(bitPattern: try reader.read(UInt32.self, what: key)))
        case .float64:
            return .float64(Double(bitPattern: try reader.read(UInt64.self, what: key)))
        case .bool:
            let byte = try reader.read(UInt8.self, what: key)
            guard byte <= 1 else {
                throw .metadata(
                    path: reader.file.path, key: key, problem: "a bool has the value \(byte)")
            }
            return .bool(byte == 1)
        case .string: return .string(try string(key, limit: Limits.stringByteCount))
        case .array: return .array(try array(of: key, depth: 1))
        }
    }

    private mutating func array(
        of key: String, depth: Int
    ) throws(ModelFileError) -> GGUFArray {
        guard depth <= Limits.arrayDepth else {
            throw .metadata(
                path: reader.file.path, key: key,
                problem: "arrays are nested more than \(Limits.arrayDepth) deep")
        }
        let type = try valueType(of: key)
        let count = try count(
            "the length of “\(key)”", limit: elementsLeft, smallest: type.smallestByteCount)
        elementsLeft -= count
        switch type {
        case .uint8: return .uint8(try reader.readArray(of: UInt8.self, count: count, what: key))
        case .int8: return .int8(try reader.readArray(of: Int8.self, count: count, what: key))
        case .uint16:
            return .uint16(try reader.readArray(of: UInt16.self, count: count, what: key))
        case .int16: return .int16(try reader.readArray(of: Int16.self, count: count, what: key))
        case .uint32:
            return .uint32(try reader.readArray(of: UInt32.self, count: count, what: key))
        case .int32: return .int32(try reader.readArray(of: Int32.self, count: count, what: key))
        case .uint64:
            return .uint64(try reader.readArray(of: UInt64.self, count: count, what: key))
        case .int64: return .int64(try reader.readArray(of: Int64.self, count: count, what: key))
        case .float32:
            return .float32(try reader.readArray(of: Float.self, count: count, what: key))
        case .float64:
            return .float64(try reader.readArray(of: Double.self, count: count, what: key))
        case .bool:
            let bytes = try reader.readArray(of: UInt8.self, count: count, what: key)
            guard bytes.allSatisfy({ $0 <= 1 }) else {
                throw .metadata(
                    path: reader.file.path, key: key, problem: "a bool is neither 0 nor 1")
            }
            return .bool(bytes.map { $0 == 1 })
        case .string:
            var strings: [String] = []
            // Only what has been read is known to be there.
            strings.reserveCapacity(min(count, 1 << 16))
            for _ in 0..<count {
                strings.append(try string(key, limit: Limits.stringByteCount))
            }
            return .string(strings)
        case .array:
            var arrays: [GGUFArray] = []
            for _ in 0..<count {
                arrays.append(try array(of: key, depth: depth + 1))
            }
            return .array(arrays)
        }
    }

    private mutating func string(_ what: String, limit: Int) throws(ModelFileError) -> String {
        let at = reader
        let length = try reader.read(UInt64.self, what: what)
        guard let byteCount = Int(exactly: length), byteCount <= limit else {
            throw at.fail("\(what) has \(length) bytes, more than the limit of \(limit)")
        }
        return try reader.readString(byteCount: byteCount, what: what)
    }

    private func checkedAlignment() throws(ModelFileError) -> Int {
        let key = "general.alignment"
        guard let value = metadata[key] else { return 32 }
        guard let alignment = value.intValue, alignment > 0, alignment <= Limits.alignment,
            alignment & (alignment - 1) == 0
        else {
            let stated = value.intValue.map { "\($0)" } ?? value.typeName
            throw .metadata(
                path: reader.file.path, key: key,
                problem: "expected a power of two up to \(Limits.alignment), found \(stated)")
        }
        return alignment
    }

    // MARK: Tensors

    private struct Entry {
        var name: String
        var type: GGMLType
        var dimensions: [Int]
        var offset: UInt64
        /// 0 where the type's size is not known.
        var byteCount: Int

        /// What keeps the tensor from being read.
        var problem: String? {
            if let index = dimensions.firstIndex(of: 0) { return "dimension \(index) is 0" }
            return type.elementType == nil ? "\(type.description) cannot be decoded" : nil
        }

        /// Whether it cannot be a weight.
        var isInert: Bool { type.isInteger || dimensions.contains(0) }
    }

    private mutating func parseTensorTable(count: Int) throws(ModelFileError) -> [Entry] {
        var entries: [Entry] = []
        entries.reserveCapacity(count)
        var names: Set<String> = []
        for index in 0..<count {
            let name = try string("the name of tensor \(index)", limit: Limits.nameByteCount)
            guard !name.isEmpty else { throw reader.fail("tensor \(index) has an empty name") }
            guard names.insert(name).inserted else {
                throw tensor(name, "the name occurs twice")
            }
            let dimensions = try parseDimensions(of: name)
            let type = GGMLType(
                number: try reader.read(UInt32.self, what: "the type of tensor \(name)"))
            let offset = try reader.read(UInt64.self, what: "the offset of tensor \(name)")
            let byteCount = try byteCount(of: name, type: type, dimensions: dimensions)
            entries.append(
                Entry(
                    name: name, type: type, dimensions: dimensions, offset: offset,
                    byteCount: byteCount))
        }
        return entries
    }

    private mutating func parseDimensions(of name: String) throws(ModelFileError) -> [Int] {
        let count = try reader.read(UInt32.self, what: "the number of dimensions of \(name)")
        guard count <= 4 else {
            throw tensor(name, "\(count) dimensions; up to 4 are possible")
        }
        // None is a single number.
        guard count > 0 else { return [1] }
        var dimensions: [Int] = []
        for index in 0..<count {
            let size = try reader.read(UInt64.self, what: "dimension \(index) of \(name)")
            guard let dimension = Int(exactly: size) else {
                throw tensor(name, "dimension \(index) is \(size)")
            }
            dimensions.append(dimension)
        }
        return dimensions
    }

    private func byteCount(
        of name: String, type: GGMLType, dimensions: [Int]
    ) throws(ModelFileError) -> Int {
        guard let block = type.block else { return 0 }
        guard dimensions[0] % block.elements == 0 else {
            throw tensor(
                name,
                "rows of \(dimensions[0]) elements are not whole blocks of \(type.name) "
                    + "(\(block.elements))")
        }
        var size = dimensions.contains(0) ? 0 : block.bytes
        for (index, dimension) in dimensions.enumerated() where size > 0 {
            let (product, overflow) = size.multipliedReportingOverflow(
                by: index == 0 ? dimension / block.elements : dimension)
            guard !overflow else { throw tensor(name, "\(dimensions) elements are too many") }
            size = product
        }
        return size
    }

    /// Where the tensor's bytes begin, once they are known to lie in the file.
    private func place(_ entry: Entry) throws(ModelFileError) -> Int {
        guard entry.offset % UInt64(alignment) == 0 else {
            throw tensor(
                entry.name, "offset \(entry.offset) is not a multiple of \(alignment)")
        }
        let room = max(0, reader.end - dataOffset)
        guard let offset = Int(exactly: entry.offset), entry.byteCount <= room,
            offset <= room - entry.byteCount
        else {
            throw tensor(
                entry.name,
                "its \(entry.byteCount) bytes at offset \(entry.offset) reach past the end of the "
                    + "file (\(room) bytes of tensor data); is it truncated?")
        }
        return dataOffset + offset
    }

    private func checkOverlaps(
        _ placed: [(entry: Entry, byteOffset: Int)]
    ) throws(ModelFileError) {
        let order = placed.sorted {
            ($0.byteOffset, $0.entry.byteCount) < ($1.byteOffset, $1.entry.byteCount)
        }
        for (first, second) in zip(order, order.dropFirst())
        where first.byteOffset + first.entry.byteCount > second.byteOffset {
            throw tensor(
                second.entry.name,
                "its bytes overlap those of tensor \(first.entry.name) (\(first.entry.type.name))")
        }
    }

    private func tensor(_ name: String, _ problem: String) -> ModelFileError {
        .tensor(path: reader.file.path, name: name, problem: problem)
    }

    private func unsupported(_ problem: String) -> ModelFileError {
        .unsupported(path: reader.file.path, problem: problem)
    }
}
