// SPDX-License-Identifier: Apache-2.0

import JSON
import Jobs

/// What is told of files: one object with what OpenAI's and Mistral's clients read.
enum FileAnswers {
    /// The type of what files hold: a JSON text on each line.
    static let contentType = "application/jsonl"

    /// A file in the words of a dialect.
    static func json(of file: StoredFile, in dialect: Dialect) -> JSONValue {
        [
            "id": .string(file.id), "object": "file", "bytes": .integer(file.byteCount),
            "created_at": .integer(file.createdAt), "filename": .string(file.name),
            "purpose": .string(file.purpose.name(in: dialect)), "status": "processed",
            "sample_type": .string(file.purpose.sampleType),
            "source": .string(file.purpose.source), "num_lines": .integer(file.lineCount),
            "mimetype": .string(contentType),
            "expires_at": file.expiresAt.map { .integer($0) } ?? .null,
            "deleted": false, "visibility": "user",
        ]
    }

    fileprivate static let file = FieldKind.object {
        FieldDeclaration("id", .string(), "The identity, a UUID.").required
        FieldDeclaration("object", .choice(["file"]), "The kind.").required
        FieldDeclaration("bytes", AnswerMembers.count, "The length.").required
        FieldDeclaration("created_at", AnswerMembers.count, "Unix time in seconds.").required
        FieldDeclaration("filename", .string(), "The name that its client gave it.").required
        FieldDeclaration(
            "purpose", .choice(["batch", "batch_output"]), "What it is for."
        ).required
        FieldDeclaration("status", .choice(["processed"]), "How far it has come.").required
        FieldDeclaration(
            "sample_type", .choice(FilePurpose.allCases.map(\.sampleType)), "What its lines are."
        ).required
        FieldDeclaration("source", .choice(["upload", "mistral"]), "Where it comes from.").required
        FieldList {
            FieldDeclaration("num_lines", AnswerMembers.count, "The lines that are not blank.")
                .required
            FieldDeclaration("mimetype", .string(), "The type.").required
            FieldDeclaration(
                "expires_at", AnswerMembers.count.orNull, "When it is deleted by itself."
            ).required
            FieldDeclaration("deleted", .boolean, "Always false.").required
            FieldDeclaration("visibility", .choice(["user"]), "It is its key's alone.").required
        }
    }
}

extension EndpointContract {
    /// `POST /v1/files`.
    static let uploadFile = EndpointContract(
        "Store a file, which arrives in a form.", gives: FileAnswers.file
    ).ofKeptFiles(taking: FileFields.form)

    /// `GET /v1/files`.
    static let files = EndpointContract(
        "List the files of the key.",
        gives: .object {
            FieldDeclaration("object", .choice(["list"]), "The kind.").required
            FieldDeclaration("data", .array(of: FileAnswers.file), "The files.").required
            FieldDeclaration("first_id", FieldKind.string().orNull, "The first one's identity.")
                .required
            FieldDeclaration("last_id", FieldKind.string().orNull, "The last one's identity.")
                .required
            FieldDeclaration("has_more", .boolean, "Whether more follow.").required
            FieldDeclaration("total", AnswerMembers.count.orNull, "The number on all pages.")
                .required
        }
    ).queried(FileFields.query).ofKeptFiles()

    /// `GET /v1/files/{id}`.
    static let file = EndpointContract("Show a file.", gives: FileAnswers.file).ofKeptFiles()

    /// `GET /v1/files/{id}/content`.
    static let fileContent = EndpointContract(
        "Download a file.", answers: .text("application/octet-stream")
    ).ofKeptFiles()

    /// `DELETE /v1/files/{id}`.
    static let deletedFile = EndpointContract(
        "Delete a file with its content.",
        gives: .object {
            FieldDeclaration("id", .string(), "The file.").required
            FieldDeclaration("object", .choice(["file"]), "The kind.").required
            FieldDeclaration("deleted", .boolean, "Always true.").required
        }
    ).ofKeptFiles()

    /// The same, of what is there only where files are kept.
    private func ofKeptFiles(taking form: FieldList? = nil) -> EndpointContract {
        var contract = needing(.files)
        contract.form = form
        return contract
    }
}
