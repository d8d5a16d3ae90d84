// SPDX-License-Identifier: Apache-2.0

package import Computation
import JSON
import Quantization

/// A safetensors file whose header has been read and checked: an 8-byte length, a JSON object of
/// that length, then the tensors' bytes without gap or overlap.
package struct SafetensorsFile: Sendable {
    /// The longest header that the format allows.
    static let maxHeaderByteCount = 100_000_000

    /// The most JSON values that a header may hold, which is 250,000 tensors: it bounds the memory
    /// that parsing takes.
    static let maxHeaderValueCount = 2_000_000

    /// The tensors in the header's order.
    package let tensors: [StoredTensor]
    /// Those that products cannot read.
    let unreadable: [UnreadableTensor]

    /// Reads and checks the header of a mapped file.
    package init(mapping file: ByteStorage) throws(ModelFileError) {
        var reader = ByteReader(file)
        let length = try reader.read(UInt64.self, what: "the length of the header")
        guard let headerByteCount = Int(exactly: length),
            headerByteCount <= Self.maxHeaderByteCount
        else {
            throw .malformed(
                path: file.path, offset: 0,
                problem: "the header has \(length) bytes, more than \(Self.maxHeaderByteCount)")
        }
        let bytes = try reader.readArray(
            of: UInt8.self, count: headerByteCount, what: "the header")
        let header = try Self.parse(bytes, path: file.path)
        let entries = try SafetensorsHeader(file: file, dataOffset: reader.offset).entries(header)
        tensors = entries.compactMap { if case .readable(let tensor) = $0 { tensor } else { nil } }
        unreadable = entries.compactMap {
            if case .unreadable(let tensor, _) = $0 { tensor } else { nil }
        }
    }

    private static func parse(_ bytes: [UInt8], path: String) throws(ModelFileError) -> JSONObject {
        guard bytes.first == UInt8(ascii: "{") else {
            throw .malformed(path: path, offset: 8, problem: "the header is not a JSON object")
        }
        do {
            let value = try JSONParser.parse(
                bytes,
                limits: .init(
                    maxBytes: maxHeaderByteCount, maxValues: maxHeaderValueCount,
                    rejectsDuplicateKeys: true))
            guard let object = value.objectValue else {
                throw ModelFileError.malformed(
                    path: path, offset: 8, problem: "the header is not a JSON object")
            }
            return object
        } catch let error as ModelFileError {
            throw error
        } catch {
            throw .malformed(
                path: path, offset: 8, problem: "the header is not valid JSON: \(error)")
        }
    }
}

/// Turns the entries of a safetensors header into tensors.
private struct SafetensorsHeader {
    let file: ByteStorage
    let dataOffset: Int

    /// A tensor of the file; every one takes bytes, whether it can be read or not.
    enum Entry {
        case readable(StoredTensor)
        case unreadable(UnreadableTensor, bytes: Range<Int>)

        var name: String {
            switch self {
            case .readable(let tensor): tensor.name
            case .unreadable(let tensor, _): tensor.name
            }
        }

        var bytes: Range<Int> {
            switch self {
            case .readable(let tensor): tensor.byteOffset..<tensor.byteOffset + tensor.byteCount
            case .unreadable(_, let bytes): bytes
            }
        }
    }

    func entries(_ header: JSONObject) throws(ModelFileError) -> [Entry] {
        var entries: [Entry] = []
        for (name, entry) in header where name != "__metadata__" {
            entries.append(try self.entry(name, entry))
        }
        try checkCoverage(entries)
        return entries
    }

    /// Bits of an element of the format's other types.
    private static let otherWidths = [
        "BOOL": 8, "U8": 8, "I8": 8, "I16": 16, "U16": 16, "I32": 32, "U32": 32, "I64": 64,
        "U64": 64, "F64": 64, "C64": 64, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F6_E2M3": 6,
        "F6_E3M2": 6, "F4": 4,
    ]

    private func entry(_ name: String, _ entry: JSONValue) throws(ModelFileError) -> Entry {
        guard !name.isEmpty, let object = entry.objectValue else {
            throw fail(name, "its entry in the header is not an object")
        }
        guard let dtype = object["dtype"]?.stringValue else {
            throw fail(name, "“dtype” is missing or not a string")
        }
        let shape = try shape(of: object, name)
        let (begin, end) = try offsets(of: object, name)
        let types: [String: ElementType] = ["F32": .f32, "F16": .f16, "BF16": .bf16]
        let type = types[dtype]
        let width = type.map { $0.bytesPerBlock * 8 } ?? Self.otherWidths[dtype]
        var bits = width ?? 1
        for size in shape {
            let (product, overflow) = bits.multipliedReportingOverflow(by: size)
            guard !overflow else {
                throw fail(
                    name,
                    "\(end - begin) bytes do not hold shape \(shape), which is too large")
            }
            bits = product
        }
        guard width == nil || bits % 8 == 0 && bits / 8 == end - begin else {
            throw fail(
                name, "\(end - begin) bytes do not hold shape \(shape) of element type \(dtype)")
        }
        let kinds: [String: RawTensor.Kind] = ["U8": .bytes, "F8_E4M3": .e4m3]
        func unreadable(_ problem: String, isInert: Bool) -> Entry {
            .unreadable(
                UnreadableTensor(
                    name: name, path: file.path, problem: problem, isInert: isInert,
                    bytes: kinds[dtype].flatMap { kind in
                        begin == end
                            ? nil
                            : RawTensor(
                                kind: kind, file: file, shape: shape,
                                byteOffset: dataOffset + begin)
                    }),
                bytes: dataOffset + begin..<dataOffset + end)
        }
        guard let type else {
            return unreadable(
                "element type \(dtype) is not supported (F32, F16 and BF16 are"
                    + (kinds[dtype] == .e4m3 ? ", and F8_E4M3 with its scales)" : ")"),
                isInert: begin == end || dtype == "BOOL" || dtype.hasPrefix("I")
                    || dtype.hasPrefix("U"))
        }
        guard begin < end else { return unreadable("shape \(shape) is empty", isInert: true) }
        guard shape.count <= 4 else {
            return unreadable("\(shape.count) dimensions are too many", isInert: false)
        }
        return .readable(
            StoredTensor(
                name: name, file: file, type: type, shape: shape, byteOffset: dataOffset + begin,
                byteCount: end - begin))
    }

    private func shape(of object: JSONObject, _ name: String) throws(ModelFileError) -> [Int] {
        guard let sizes = object["shape"]?.arrayValue else {
            throw fail(name, "“shape” is missing or not an array")
        }
        var shape: [Int] = []
        for size in sizes {
            guard let size = size.intValue, size >= 0 else {
                throw fail(name, "“shape” holds something other than sizes")
            }
            shape.append(size)
        }
        return shape
    }

    private func offsets(
        of object: JSONObject, _ name: String
    ) throws(ModelFileError) -> (begin: Int, end: Int) {
        guard let pair = object["data_offsets"]?.arrayValue, pair.count == 2,
            let begin = pair[0].intValue, let end = pair[1].intValue
        else {
            throw fail(name, "“data_offsets” is missing or not two integers")
        }
        let room = file.byteCount - dataOffset
        guard begin >= 0, begin <= end, end <= room else {
            throw fail(
                name,
                "data_offsets [\(begin), \(end)] do not lie within the \(room) bytes of tensor "
                    + "data; is the file truncated?")
        }
        return (begin, end)
    }

    /// Checks that the tensors follow each other without gap or overlap, up to the file's end.
    private func checkCoverage(_ entries: [Entry]) throws(ModelFileError) {
        var covered = dataOffset
        let order = entries.sorted {
            ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound)
        }
        for entry in order {
            guard entry.bytes.lowerBound >= covered else {
                throw fail(entry.name, "its bytes overlap those of another tensor")
            }
            guard entry.bytes.lowerBound == covered else {
                throw fail(
                    entry.name, "\(entry.bytes.lowerBound - covered) unused bytes lie before it")
            }
            covered = entry.bytes.upperBound
        }
        guard covered == file.byteCount else {
            throw .malformed(
                path: file.path, offset: covered,
                problem: "\(file.byteCount - covered) bytes follow the last tensor")
        }
    }

    private func fail(_ name: String, _ problem: String) -> ModelFileError {
        .tensor(path: file.path, name: name, problem: problem)
    }
}
