// SPDX-License-Identifier: Apache-2.0

import Access
import Foundation
import JSON
import Jobs

/// The endpoints whose requests may be lines of a batch.
enum BatchEndpoint {
    /// Their paths.
    static let paths = [
        "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses",
        "/v1/fim/completions", "/v1/decisions",
    ]
}

/// The fields of `POST /v1/batches`.
enum BatchFields {
    static let inputFile = Field.string(
        "input_file_id", maxBytes: 128, "The file of its lines, uploaded for `batch`."
    ).example(.string(EndpointContract.exampleFile)).required

    static let endpoint = Field.choice(
        "endpoint", of: BatchEndpoint.paths, "What all lines ask."
    ).example("/v1/chat/completions").required

    static let window = Field.string(
        "completion_window", maxBytes: 8,
        "The time that it has, in hours or days: from `1h` to `168h` or `7d`. What is not answered "
            + "then, is not."
    ).example("24h").required

    static let metadata = Field.map(
        "metadata", of: .string(maxBytes: 512),
        "What is kept with it: up to 16 texts of up to 512 bytes.")

    static let outputExpiry = Field.object(
        "output_expires_after",
        of: FieldList {
            anchor
            seconds
        }, "How long the files of its answers are kept.")
    static let anchor = Field.choice(
        "anchor", of: ["created_at"], "From when on that counts."
    ).example("created_at").required
    static let seconds = Field.integer(
        "seconds", in: 3_600...2_592_000, "For how long."
    ).example(86_400).required

    /// All of them.
    static let list = FieldList {
        inputFile
        endpoint
        window
        metadata
        outputExpiry
    }

    /// Seconds of a text such as `24h`; nil where it is none.
    static func seconds(of window: String) -> Int? {
        guard let unit = window.last, let count = Int(window.dropLast()) else { return nil }
        let hours =
            switch unit {
            case "h": count
            case "d" where count <= 7: count * 24
            default: 0
            }
        return (1...168).contains(hours) ? hours * 3_600 : nil
    }

    /// Texts that are kept with a batch.
    static func metadata(
        _ fields: FieldReader, _ field: Field<FieldReader>
    ) throws(FieldError) -> JSONObject? {
        guard let texts = try fields.read(field) else { return nil }
        guard texts.object.count <= 16 else {
            throw .invalid(texts.path, expected: "at most 16 texts")
        }
        for (name, value) in texts.object {
            guard name.utf8.count <= 64, value.stringValue?.utf8.count ?? .max <= 512 else {
                throw .invalid(
                    texts.path,
                    expected: "texts of up to 512 bytes under names of up to 64 bytes")
            }
        }
        return texts.object
    }
}

/// The fields of `POST /v1/batch/jobs`.
enum BatchJobFields {
    static let inputFiles = Field.array(
        "input_files", of: .string(maxBytes: 128), minCount: 1, maxCount: { _ in maxFiles },
        "The files of its lines, before those of `requests`."
    ).example([.string(EndpointContract.exampleFile)])

    static let requests = Field.array(
        "requests", of: .object(request), minCount: 1, maxCount: { _ in maxRequests },
        "Its lines themselves, after those of `input_files`."
    ).example([["custom_id": "0", "body": ["messages": []]]])
    static let name = Field.string(
        "custom_id", maxBytes: 512, "What a line is called; its place where it is left out.")
    static let body = Field.map("body", of: .any, "A request.").example([:]).required
    static let request = FieldList {
        name
        body
    }

    static let model = Field.string(
        "model", maxBytes: 1_024, "The model of lines that name none.")

    static let hours = Field.integer(
        "timeout_hours", in: 1...168,
        "The hours that it has. What is not answered then, is not."
    ).defaulting(to: 24)

    static let agent = FieldDeclaration.refused("agent_id", reason: "there are no agents here")

    static let endpoint = Field.choice(
        "endpoint", of: BatchEndpoint.paths, "What all lines ask."
    ).example("/v1/chat/completions").required

    static let metadata = Field.map(
        "metadata", of: .string(maxBytes: 512),
        "What is kept with it: up to 16 texts of up to 512 bytes.")

    /// All of them.
    static let list = FieldList(oneOf: ["input_files", "requests"]) {
        endpoint
        inputFiles
        requests
        model
        metadata
        hours
        agent
    }

    static let maxFiles = 64
    static let maxRequests = 10_000
}

/// What stands after the `?` of lists of batches.
enum BatchListFields {
    static let after = Field.string("after", "The id of the batch after which the list begins.")
    static let limit = Field.integer(
        "limit", in: 1...100, "The most batches that are told."
    ).defaulting(to: 20)

    /// All of them.
    static let list = FieldList {
        after
        limit
    }
}

/// What stands after the `?` of lists of jobs.
enum BatchJobListFields {
    static let page = Field.integer(
        "page", in: 0...1_000_000, "Which page it is, from 0."
    ).defaulting(to: 0)
    static let pageSize = Field.integer(
        "page_size", in: 1...1_000, "The most jobs of a page."
    ).defaulting(to: 100)
    static let model = Field.string("model", "Those that were made for that model alone.")
    static let createdAfter = Field.string(
        "created_after", "Those that were made then or later alone, such as 2026-11-30T08:00:00Z."
    ).example("2026-11-30T08:00:00Z")
    static let status = Field.array(
        "status", of: .choice(BatchJobStatus.allCases.map(\.rawValue)), maxCount: { _ in 16 },
        "Those of that status alone; several may be given.")
    static let order = Field.choice(
        "order_by", of: ["-created", "created"], "Whether the newest comes first."
    ).defaulting(to: "-created")
    static let mine = FieldDeclaration.ignored(
        "created_by_me", reason: "nobody sees those of others")
    static let agent = FieldDeclaration.ignored("agent_id", reason: "there are no agents here")

    /// All of them.
    static let list = FieldList {
        page
        pageSize
        model
        createdAfter
        status
        order
        mine
        agent
    }

    /// What is asked for.
    static func selection(_ fields: FieldReader) throws(FieldError) -> BatchSelection {
        var selection = BatchSelection()
        selection.limit = try fields.read(pageSize)
        selection.offset = try fields.read(page) * selection.limit
        selection.model = try fields.read(model)
        selection.newestFirst = try fields.read(order) == "-created"
        if let text = try fields.read(createdAfter) {
            guard let time = seconds(of: text) else {
                throw .invalid(
                    FieldPath(createdAfter.name), expected: "a time such as 2026-11-30T08:00:00Z")
            }
            selection.createdAfter = time
        }
        if let names = try fields.read(status) {
            var statuses: [BatchStatus] = []
            for (value, path) in names {
                guard let status = value.stringValue.flatMap(BatchJobStatus.init) else {
                    throw .invalid(
                        path,
                        expected:
                            "one of \(FieldReader.list(BatchJobStatus.allCases.map(\.rawValue)))"
                    )
                }
                statuses += BatchStatus.allCases.filter { BatchJobStatus($0) == status }
            }
            selection.statuses = statuses
        }
        return selection
    }

    /// The seconds since 1970 of a time as RFC 3339 has it, of UTC where it names no other zone.
    static func seconds(of text: String) -> Int? {
        guard text.utf8.count <= 40 else { return nil }
        // Fractions of a second, which some clients write, decide nothing.
        var plain = text
        if let dot = text.firstIndex(of: ".") {
            let zone = text[dot...].dropFirst().drop(while: \.isNumber)
            plain = String(text[..<dot] + zone)
        }
        let hasZone = plain.hasSuffix("Z") || plain.dropFirst(19).contains { "+-".contains($0) }
        guard let time = try? Date(plain + (hasZone ? "" : "Z"), strategy: .iso8601) else {
            return nil
        }
        return Int(time.timeIntervalSince1970)
    }
}

/// What stands after the `?` of a job.
enum BatchJobShowFields {
    static let inline = Field.boolean(
        "inline", "Whether the answers are told, too, once it has ended."
    ).defaulting(to: false)

    /// All of them.
    static let list = FieldList { inline }
}
