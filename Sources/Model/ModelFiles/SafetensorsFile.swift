// SPDX-License-Identifier: Apache-2.0

import JSON
import Quantization
import Tensors

/// A safetensors file whose header has been read and checked: an 8-byte length, a JSON object of
/// that length, then the tensors' bytes without gap or overlap.
struct SafetensorsFile: Sendable {
    /// The longest header that the format allows.
    static let maxHeaderByteCount = 100_000_000

    /// The most JSON values that a header may hold, which is 250,000 tensors: it bounds the memory
    /// that parsing takes.
    static let maxHeaderValueCount = 2_000_000

    /// The tensors in the header's order.
    let tensors: [StoredTensor]

    /// Reads and checks the header of a mapped file.
    init(mapping file: MappedFile) throws(ModelFileError) {
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
        let parser = SafetensorsHeader(file: file, dataOffset: reader.offset)
        tensors = try parser.tensors(of: header)
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
    let file: MappedFile
    let dataOffset: Int

    func tensors(of header: JSONObject) throws(ModelFileError) -> [StoredTensor] {
        var tensors: [StoredTensor] = []
        for (name, entry) in header where name != "__metadata__" {
            tensors.append(try tensor(name, entry))
        }
        try checkCoverage(tensors)
        return tensors
    }

    private func tensor(_ name: String, _ entry: JSONValue) throws(ModelFileError) -> StoredTensor {
        guard !name.isEmpty, let object = entry.objectValue else {
            throw fail(name, "its entry in the header is not an object")
        }
        guard let dtype = object["dtype"]?.stringValue else {
            throw fail(name, "“dtype” is missing or not a string")
        }
        let shape = try shape(of: object, name)
        let (begin, end) = try offsets(of: object, name)
        let types: [String: ElementType] = ["F32": .f32, "F16": .f16, "BF16": .bf16]
        guard let type = types[dtype] else {
            throw fail(name, "element type \(dtype) is not supported (F32, F16 and BF16 are)")
        }
        var elements = 1
        for size in shape {
            let (product, overflow) = elements.multipliedReportingOverflow(by: size)
            guard !overflow else { throw fail(name, "shape \(shape) is too large") }
            elements = product
        }
        guard let byteCount = type.byteCount(elements: elements), byteCount == end - begin else {
            throw fail(
                name, "\(end - begin) bytes do not hold shape \(shape) of element type \(dtype)")
        }
        return StoredTensor(
            name: name, file: file, type: type, shape: shape, byteOffset: dataOffset + begin,
            byteCount: byteCount)
    }

    private func shape(of object: JSONObject, _ name: String) throws(ModelFileError) -> [Int] {
        guard let sizes = object["shape"]?.arrayValue else {
            throw fail(name, "“shape” is missing or not an array")
        }
        guard sizes.count <= 4 else { throw fail(name, "\(sizes.count) dimensions are too many") }
        var shape: [Int] = []
        for size in sizes {
            guard let size = size.intValue, size > 0 else {
                throw fail(name, "“shape” holds something other than positive integers")
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
    private func checkCoverage(_ tensors: [StoredTensor]) throws(ModelFileError) {
        var covered = dataOffset
        for tensor in tensors.sorted(by: { $0.byteOffset < $1.byteOffset }) {
            guard tensor.byteOffset >= covered else {
                throw fail(tensor.name, "its bytes overlap those of another tensor")
            }
            guard tensor.byteOffset == covered else {
                throw fail(
                    tensor.name, "\(tensor.byteOffset - covered) unused bytes lie before it")
            }
            covered += tensor.byteCount
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
