// SPDX-License-Identifier: Apache-2.0

import Quantization
import Tensors

/// Reads the header of a GGUF file: counts, metadata, tensor table; checks all of it.
struct GGUFHeaderParser {
    /// Bounds on what a header may ask for, far above any real file's.
    enum Limits {
        static let keyCount = 1 << 16
        static let tensorCount = 1 << 20
        static let nameByteCount = 1 << 10
        static let stringByteCount = 1 << 26
        static let arrayDepth = 4
        static let alignment = 1 << 20
    }

    private(set) var version = 0
    private(set) var alignment = 32
    private(set) var metadata = GGUFMetadata()
    private(set) var tensors: [GGUFTensor] = []
    private(set) var dataOffset = 0
    private var reader: ByteReader

    init(_ file: MappedFile) {
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
        tensors = try entries.map { entry throws(ModelFileError) in try place(entry) }
        try checkOverlaps()
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
            "the length of “\(key)”", limit: Int.max, smallest: type.smallestByteCount)
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
            strings.reserveCapacity(count)
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
        var type: ElementType
        var dimensions: [Int]
        var offset: UInt64
        var byteCount: Int
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
            let rawType = try reader.read(UInt32.self, what: "the type of tensor \(name)")
            guard let type = ElementType(ggufType: rawType) else {
                throw tensor(name, "\(Self.typeName(rawType)) cannot be decoded")
            }
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
        guard (1...4).contains(count) else {
            throw tensor(name, "\(count) dimensions; 1 to 4 are possible")
        }
        var dimensions: [Int] = []
        for index in 0..<count {
            let size = try reader.read(UInt64.self, what: "dimension \(index) of \(name)")
            guard let dimension = Int(exactly: size), dimension > 0 else {
                throw tensor(name, "dimension \(index) is \(size)")
            }
            dimensions.append(dimension)
        }
        return dimensions
    }

    private func byteCount(
        of name: String, type: ElementType, dimensions: [Int]
    ) throws(ModelFileError) -> Int {
        guard dimensions[0] % type.elementsPerBlock == 0 else {
            throw tensor(
                name,
                "rows of \(dimensions[0]) elements are not whole blocks of \(type.name) "
                    + "(\(type.elementsPerBlock))")
        }
        var elements = 1
        for dimension in dimensions {
            let (product, overflow) = elements.multipliedReportingOverflow(by: dimension)
            guard !overflow else { throw tensor(name, "\(dimensions) elements are too many") }
            elements = product
        }
        guard let byteCount = type.byteCount(elements: elements) else {
            throw tensor(name, "\(dimensions) elements are too many")
        }
        return byteCount
    }

    private func place(_ entry: Entry) throws(ModelFileError) -> GGUFTensor {
        guard entry.offset % UInt64(alignment) == 0 else {
            throw tensor(
                entry.name, "offset \(entry.offset) is not a multiple of \(alignment)")
        }
        let room = reader.end - dataOffset
        guard let offset = Int(exactly: entry.offset), room >= 0, entry.byteCount <= room,
            offset <= room - entry.byteCount
        else {
            throw tensor(
                entry.name,
                "its \(entry.byteCount) bytes at offset \(entry.offset) reach past the end of the "
                    + "file (\(max(room, 0)) bytes of tensor data); is it truncated?")
        }
        return GGUFTensor(
            name: entry.name, type: entry.type, dimensions: entry.dimensions,
            byteOffset: dataOffset + offset, byteCount: entry.byteCount)
    }

    private func checkOverlaps() throws(ModelFileError) {
        let order = tensors.sorted { ($0.byteOffset, $0.byteCount) < ($1.byteOffset, $1.byteCount) }
        for (first, second) in zip(order, order.dropFirst())
        where first.byteOffset + first.byteCount > second.byteOffset {
            throw tensor(second.name, "its bytes overlap those of tensor \(first.name)")
        }
    }

    private func tensor(_ name: String, _ problem: String) -> ModelFileError {
        .tensor(path: reader.file.path, name: name, problem: problem)
    }

    private func unsupported(_ problem: String) -> ModelFileError {
        .unsupported(path: reader.file.path, problem: problem)
    }

    /// What ggml calls the types that `ElementType` lacks.
    private static func typeName(_ raw: UInt32) -> String {
        let names: [UInt32: String] = [
            4: "Q4_2", 5: "Q4_3", 9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS",
            18: "IQ3_XXS", 19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S", 24: "I8", 25: "I16", 26: "I32",
            27: "I64", 28: "F64", 29: "IQ1_M", 31: "Q4_0_4_4", 32: "Q4_0_4_8", 33: "Q4_0_8_8",
            34: "TQ1_0", 35: "TQ2_0", 36: "IQ4_NL_4_4", 37: "IQ4_NL_4_8", 38: "IQ4_NL_8_8",
            39: "MXFP4", 40: "NVFP4",
        ]
        return names[raw].map { "element type \($0)" } ?? "unknown element type \(raw)"
    }
}
