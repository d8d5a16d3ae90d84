// SPDX-License-Identifier: Apache-2.0

import Access
import HTTP
import HTTPTypes
import JSON
import Jobs

extension RouteGroup {
    /// Files of clients: requests of batches, and what came of them.
    static let files = RouteGroup(
        for: .files,
        .upload("/v1/files", contract: .uploadFile) { fields, context throws(APIError) in
            try FileUpload(fields, context)
        },
        .later("/v1/files", contract: .files, answer: FileRoutes.list),
        .later("/v1/files/{id}", isListed: false, contract: .file, answer: FileRoutes.show),
        .later(
            "/v1/files/{id}", method: .delete, isListed: false, contract: .deletedFile,
            answer: FileRoutes.remove),
        .later(
            "/v1/files/{id}/content", isListed: false, contract: .fileContent,
            answer: FileRoutes.download))
}

private enum FileRoutes {
    /// What is read of a file at once, which is several of its blocks.
    private static let pieceByteCount = 256 << 10

    /// `GET /v1/files`.
    static func list(_ context: RequestContext) async throws(APIError) -> ServerResponse {
        let files = try ClientFiles(of: context)
        let (selection, includesTotal) = try FileSelection.read(context)
        return try await files.run { () throws(APIError) in
            let page = try files.reaching { () throws(JobsError) in
                try files.store.page(selection, of: files.owner)
            }
            guard let page else { throw .invalid("after", expected: "the id of one of the files") }
            let data = page.files.map { FileAnswers.json(of: $0, in: context.dialect) }
            return ServerResponse(json: [
                "object": "list", "data": .array(data),
                "first_id": data.first?["id"] ?? .null, "last_id": data.last?["id"] ?? .null,
                "has_more": .bool(page.hasMore),
                "total": includesTotal ? .integer(page.total) : .null,
            ])
        }
    }

    /// `GET /v1/files/{id}`.
    static func show(_ context: RequestContext) async throws(APIError) -> ServerResponse {
        let files = try ClientFiles(of: context)
        // Ids have no slashes. A link would outlive its key, and no server knows what proxies call it.
        guard !context.parameter.hasSuffix("/url") else {
            throw .unbuilt(
                "GET /v1/files/{id}/url",
                instead: "it gives out no links that open without a key; download "
                    + "/v1/files/{id}/content with yours")
        }
        return try await files.run { () throws(APIError) in
            let file = try files.file(context.parameter)
            return ServerResponse(json: FileAnswers.json(of: file, in: context.dialect))
        }
    }

    /// `DELETE /v1/files/{id}`.
    static func remove(_ context: RequestContext) async throws(APIError) -> ServerResponse {
        let files = try ClientFiles(of: context)
        return try await files.run { () throws(APIError) in
            let isRemoved = try files.reaching { () throws(JobsError) in
                try files.store.remove(context.parameter, of: files.owner)
            }
            guard isRemoved else { throw .itemNotFound(context.parameter) }
            return ServerResponse(json: [
                "id": .string(context.parameter), "object": "file", "deleted": true,
            ])
        }
    }

    /// `GET /v1/files/{id}/content`.
    static func download(_ context: RequestContext) async throws(APIError) -> ServerResponse {
        let files = try ClientFiles(of: context)
        let reader = try await files.run { () throws(APIError) in
            let file = try files.file(context.parameter)
            return try files.reaching { () throws(JobsError) in try files.store.open(file) }
        }
        var head = HTTPResponse(status: .ok)
        head.headerFields[.contentType] = "application/octet-stream"
        // The name is a client's, and no page of ours.
        head.headerFields[.contentDisposition] =
            "attachment; filename*=UTF-8''" + PercentEncoding.encoded(reader.file.name)
        head.headerFields[.xContentTypeOptions] = "nosniff"
        head.headerFields[.cacheControl] = "private, no-store"
        // HEAD is told it, too.
        head.headerFields[.contentLength] = String(reader.file.byteCount)
        var response = ServerResponse(
            head: head,
            body: .stream { writer in
                var offset = 0
                while offset < reader.file.byteCount {
                    let start = offset
                    let bytes = try await files.run { () throws(APIError) in
                        try files.reaching { () throws(JobsError) in
                            try reader.read(Self.pieceByteCount, at: start)
                        }
                    }
                    try await writer.write(bytes)
                    offset += bytes.count
                }
            })
        response.streamByteCount = reader.file.byteCount
        return response
    }
}
