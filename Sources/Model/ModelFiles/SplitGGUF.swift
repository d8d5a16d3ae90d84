// SPDX-License-Identifier: Apache-2.0

/// A model that was split into `NAME-00001-of-0000N.gguf` and so on, as llama-gguf-split and gguf-py
/// do it: the first part has the metadata, all have some of the tensors and the keys `split.no`,
/// `split.count` and `split.tensors.count`.
package struct SplitGGUF {
    /// All parts in order; the file alone where it was not split.
    package let parts: [GGUFFile]

    /// Finds, opens and checks the other parts.
    ///
    /// - Throws: where `file` is a later part, or a part is missing or belongs to another model.
    package init(first file: GGUFFile) throws(ModelFileError) {
        let fields = Self.fields(file)
        let count = try fields.integer("count", in: 0...4096, default: 1)
        guard count > 1 else {
            parts = [file]
            return
        }
        let number = try fields.integer("no", in: 0...4096)
        guard number == 0 else {
            let ending = Self.ending(number + 1, of: count)
            let first =
                file.path.hasSuffix(ending)
                ? ", \(file.path.dropLast(ending.count) + Self.ending(1, of: count))" : ""
            throw .unrecognised(
                path: file.path,
                reason: "this is part \(number + 1) of \(count) of a split model; give the first "
                    + "part" + first)
        }
        let ending = Self.ending(1, of: count)
        guard file.path.hasSuffix(ending) else {
            throw .unrecognised(
                path: file.path,
                reason: "this is the first of \(count) parts, so its name should end in \(ending)")
        }
        var parts = [file]
        for part in 2...count {
            let path = file.path.dropLast(ending.count) + Self.ending(part, of: count)
            parts.append(try Self.open(String(path), part, of: count))
        }
        let tensorCount = parts.reduce(0) { $0 + $1.tensors.count + $1.unreadable.count }
        for part in parts {
            let fields = Self.fields(part)
            let stated = try fields.integer(
                "tensors.count", in: 0...Int(Int32.max), default: tensorCount)
            guard stated == tensorCount else {
                throw fields.fail(
                    "tensors.count", "\(stated), but the \(count) parts hold \(tensorCount)")
            }
        }
        self.parts = parts
    }

    private static func open(
        _ path: String, _ number: Int, of count: Int
    ) throws(ModelFileError) -> GGUFFile {
        let file: GGUFFile
        do {
            file = try GGUFFile(path: path)
        } catch .unreadable(let path, let reason) {
            throw .unreadable(
                path: path, reason: "\(reason), but it is part \(number) of the model's \(count)")
        }
        let fields = fields(file)
        guard try fields.integer("no", in: 0...4096) == number - 1 else {
            throw fields.fail("no", "does not fit the file's name")
        }
        guard try fields.integer("count", in: 0...4096, default: count) == count else {
            throw fields.fail("count", "differs from the first part's, which is \(count)")
        }
        return file
    }

    private static func fields(_ file: GGUFFile) -> ConfigurationFields {
        ConfigurationFields(file.metadata, path: file.path, prefix: "split.")
    }

    private static func ending(_ part: Int, of count: Int) -> String {
        func padded(_ number: Int) -> String {
            String(repeating: "0", count: max(0, 5 - "\(number)".count)) + "\(number)"
        }
        return "-\(padded(part))-of-\(padded(count)).gguf"
    }
}

extension ModelFile {
    /// The files of a GGUF model, those included that hold nothing that the model uses.
    package func partPaths() throws(ModelFileError) -> [String] {
        guard packed == nil, case .gguf(let file) = vocabularySource else { return [] }
        return try SplitGGUF(first: file).parts.map(\.path)
    }
}
