// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON
import Quantization

extension PackedHeader {
    /// Bounds on what a header may ask for, far above any real file's.
    enum Limits {
        static let byteCount = 1 << 28
        static let tensorCount = 1 << 20
        static let nameByteCount = 1 << 10
        static let fileCount = 1 << 13
        /// Rows or columns; a product of two and an element's size is within reach of overflow
        /// checks.
        static let size = 1 << 32
    }

    /// Reads the JSON text of a header; the tensors' places are checked by `PackedFile`.
    ///
    /// - Throws: an error that names the field or the tensor.
    init(json bytes: [UInt8], path: String) throws(ModelFileError) {
        let object: JSONObject
        do {
            let value = try JSONParser.parse(
                bytes,
                limits: .init(
                    maxBytes: Limits.byteCount, maxValues: 10 * Limits.tensorCount,
                    rejectsDuplicateKeys: true))
            guard let found = value.objectValue else {
                throw ModelFileError.malformed(
                    path: path, offset: PackedFile.preambleByteCount,
                    problem: "the header is not a JSON object")
            }
            object = found
        } catch let error as ModelFileError {
            throw error
        } catch {
            throw .malformed(
                path: path, offset: PackedFile.preambleByteCount,
                problem: "the header is not valid JSON: \(error)")
        }
        let fields = ConfigurationFields(object, path: path)
        name = try fields.string("name")
        let stated = try fields.string("format")
        guard let format = Format(rawValue: stated) else {
            throw fields.fail("format", "“\(printable(stated, limit: 40))” is not known")
        }
        self.format = format
        isTied = try fields.bool("tied", default: false)
        source = try SourceFingerprint(object["source"], path: path)
        files = try fields.list(object["files"], "files", limit: Limits.fileCount).map {
            file throws(ModelFileError) in
            EmbeddedFile(
                name: try file.string("name"),
                byteCount: try file.integer("byte_count", in: 0...Limits.byteCount))
        }
        tensors = try fields.list(object["tensors"], "tensors", limit: Limits.tensorCount).map {
            tensor throws(ModelFileError) in try PackedTensor(tensor)
        }
        weightsDigest =
            object["weights_digest"] == nil ? nil : try fields.checksum("weights_digest")
    }
}

extension PackedTensor {
    fileprivate init(_ fields: ConfigurationFields) throws(ModelFileError) {
        let name = try fields.string("name")
        func fail(_ problem: String) -> ModelFileError {
            .tensor(path: fields.path, name: name, problem: problem)
        }
        guard (1...PackedHeader.Limits.nameByteCount).contains(name.utf8.count) else {
            throw fail("its name has \(name.utf8.count) bytes")
        }
        let typeName = try fields.string("type")
        guard let type = ElementType.allCases.first(where: { $0.name == typeName }) else {
            throw fail("element type “\(printable(typeName, limit: 40))” is not known")
        }
        let layoutName = try fields.string("layout")
        guard let layout = WeightMatrix.Layout.all.first(where: { $0.name == layoutName }) else {
            throw fail("layout “\(printable(layoutName, limit: 40))” is not known")
        }
        let rows = try fields.integer("rows", in: 1...PackedHeader.Limits.size)
        let columns = try fields.integer("columns", in: 1...PackedHeader.Limits.size)
        let byteCount = try fields.integer("byte_count", in: 0...Int.max)
        guard
            WeightMatrix.byteCount(
                of: type, rowCount: rows, columnCount: columns, layout: layout) == byteCount
        else {
            throw fail(
                "\(byteCount) bytes do not hold \(rows) × \(columns) of element type "
                    + "\(type.name) as \(layout.name)")
        }
        self.init(
            name: name, type: type, layout: layout, rowCount: rows, columnCount: columns,
            byteOffset: try fields.integer("offset", in: 0...Int.max), byteCount: byteCount,
            checksum: try fields.checksum("checksum"))
    }
}

extension ConfigurationFields {
    /// The text of `key`, which must be there.
    func string(_ key: String) throws(ModelFileError) -> String {
        guard let text = try optionalString(key) else { throw fail(key, "missing") }
        return text
    }

    /// The checksum of `key`: sixteen hexadecimal digits.
    func checksum(_ key: String) throws(ModelFileError) -> UInt64 {
        let text = try string(key)
        guard text.utf8.count == 16, let value = UInt64(text, radix: 16) else {
            throw fail(key, "expected 16 hexadecimal digits, found “\(printable(text, limit: 40))”")
        }
        return value
    }

    /// The fields of each object in the list `value` of `key`.
    func list(
        _ value: JSONValue?, _ key: String, limit: Int
    ) throws(ModelFileError) -> [ConfigurationFields] {
        guard let values = value?.arrayValue else { throw fail(key, "missing, or not a list") }
        guard values.count <= limit else {
            throw fail(key, "\(values.count) entries, more than the limit of \(limit)")
        }
        var list: [ConfigurationFields] = []
        for (index, value) in values.enumerated() {
            guard let object = value.objectValue else {
                throw fail("\(key)[\(index)]", "not an object")
            }
            list.append(
                ConfigurationFields(object, path: path, prefix: "\(prefix)\(key)[\(index)]."))
        }
        return list
    }
}
