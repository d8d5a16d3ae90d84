// SPDX-License-Identifier: Apache-2.0

import JSON
import Jobs

/// What is read of requests for files.
enum FileFields {
    static let file = Field.string("file", "The file, with any name.").required
    static let purpose = Field.choice(
        "purpose", of: [FilePurpose.batch.rawValue], "What the file is for."
    ).defaulting(to: FilePurpose.batch.rawValue)
    static let anchor = Field.choice(
        "expires_after[anchor]", of: ["created_at"], "From when the time of the file counts.")
    static let seconds = Field.integer(
        "expires_after[seconds]", in: 3_600...2_592_000,
        "After how many seconds the file is deleted.")
    static let expiry = FieldDeclaration.refused(
        "expiry", reason: "say expires_after[anchor] and expires_after[seconds]")

    /// Those of an upload.
    static let form = FieldList {
        file
        purpose
        anchor
        seconds
        expiry
        FieldDeclaration.ignored("visibility", reason: "a file is there for its key alone")
    }

    static let listedPurpose = Field.string("purpose", "Files for that alone.")
    static let order = Field.choice(
        "order", of: ["desc", "asc"], "Whether the newest comes first."
    ).defaulting(to: "desc")
    static let limit = Field.integer("limit", in: 1...10_000, "The most files that are told.")
    static let after = Field.string("after", "The id of the file after which the list begins.")
    static let page = Field.integer(
        "page", in: 0...1_000_000_000, "How many pages are left out first."
    ).defaulting(to: 0)
    static let pageSize = Field.integer(
        "page_size", in: 1...10_000, "Another name of limit.")
    static let includesTotal = Field.boolean(
        "include_total", "Whether the number of all files is told."
    ).defaulting(to: true)
    static let sampleTypes = Field.array(
        "sample_type", of: .string(), maxCount: { _ in 16 }, "Files with those lines alone.")
    static let sources = Field.array(
        "source", of: .string(), maxCount: { _ in 16 }, "Files from there alone.")
    static let types = Field.array(
        "mimetypes", of: .string(), maxCount: { _ in 16 }, "Files of those types alone.")
    static let search = Field.string("search", "Files with that in their name alone.")

    /// Those of a list.
    static let query = FieldList {
        listedPurpose
        order
        limit
        after
        page
        pageSize
        includesTotal
        sampleTypes
        sources
        types
        search
    }
}

extension FilePurpose {
    /// What its lines are, in Mistral's words.
    var sampleType: String {
        switch self {
        case .batch: "batch_request"
        case .batchOutput: "batch_result"
        case .batchErrors: "batch_error"
        }
    }

    /// Where it comes from, in Mistral's words.
    var source: String { self == .batch ? "upload" : "mistral" }

    /// What it is for, in the words of a dialect.
    func name(in dialect: Dialect) -> String {
        if dialect == .mistral { return FilePurpose.batch.rawValue }
        return self == .batch ? rawValue : FilePurpose.batchOutput.rawValue
    }
}

extension FileSelection {
    /// Reads which files are asked for.
    ///
    /// - Returns: also whether their number is to be told.
    static func read(
        _ context: RequestContext
    ) throws(APIError) -> (selection: FileSelection, includesTotal: Bool) {
        let query = try context.queryFields(FileFields.query)
        return try APIError.reading { () throws(FieldError) in
            var selection = FileSelection()
            selection.newestFirst = try query.read(FileFields.order) == "desc"
            let (limit, size) = (
                try query.read(FileFields.limit), try query.read(FileFields.pageSize)
            )
            selection.limit = limit ?? size ?? (context.dialect == .mistral ? 100 : 10_000)
            selection.offset = try query.read(FileFields.page) * selection.limit
            selection.search = try query.read(FileFields.search)
            if let after = try query.read(FileFields.after), !after.isEmpty {
                selection.after = after
            }
            var purposes = FilePurpose.allCases
            if let name = try query.read(FileFields.listedPurpose), !name.isEmpty {
                purposes.removeAll { $0.name(in: context.dialect) != name }
            }
            let lists: [(Field<[FieldElement]>, (FilePurpose) -> String)] = [
                (FileFields.sampleTypes, \.sampleType), (FileFields.sources, \.source),
                (FileFields.types, { _ in FileAnswers.contentType }),
            ]
            for (field, value) in lists {
                guard let texts = try query.read(field) else { continue }
                purposes.removeAll { purpose in
                    !texts.contains { $0.value == .string(value(purpose)) }
                }
            }
            selection.purposes = purposes
            return (selection, try query.read(FileFields.includesTotal))
        }
    }
}
