// SPDX-License-Identifier: Apache-2.0

import Access
import HTTP
import HTTPTypes
import JSON
import Jobs

extension RouteGroup {
    /// Many requests that are answered when there is time, as OpenAI and Mistral have them.
    static let batches = RouteGroup(
        for: .batches,
        .post("/v1/batches", contract: .makeBatch, answer: BatchRoutes.make),
        .later("/v1/batches", contract: .batches) { context throws(APIError) in
            try await BatchRoutes.onDisk(context, BatchRoutes.list)
        },
        .later("/v1/batches/{id}", isListed: false, contract: .batch) { context throws(APIError) in
            try await BatchRoutes.onDisk(context, BatchRoutes.show)
        },
        .later(
            "/v1/batches/{id}/cancel", method: .post, isListed: false, contract: .cancelBatch
        ) { context throws(APIError) in
            try await BatchRoutes.onDisk(context) { context throws(APIError) in
                try BatchRoutes.cancel(context) { $0.json($1) }
            }
        },
        .post(
            "/v1/batch/jobs", dialect: .mistral, contract: .makeJob, answer: BatchRoutes.makeJob),
        .later("/v1/batch/jobs", dialect: .mistral, contract: .jobs) { context throws(APIError) in
            try await BatchRoutes.onDisk(context, BatchRoutes.listJobs)
        },
        .later(
            "/v1/batch/jobs/{id}", isListed: false, dialect: .mistral, contract: .job
        ) { context throws(APIError) in
            try await BatchRoutes.onDisk(context, BatchRoutes.showJob)
        },
        .later(
            "/v1/batch/jobs/{id}/cancel", method: .post, isListed: false, dialect: .mistral,
            contract: .cancelJob
        ) { context throws(APIError) in
            try await BatchRoutes.onDisk(context) { context throws(APIError) in
                try BatchRoutes.cancel(context) { $0.jobJSON($1) }
            }
        },
        .later(
            "/v1/batch/jobs/{id}", method: .delete, isListed: false, dialect: .mistral,
            contract: .removeJob
        ) { context throws(APIError) in
            try await BatchRoutes.onDisk(context, BatchRoutes.remove)
        })
}

private enum BatchRoutes {
    /// The most bytes of answers that are told within a job.
    static let maxInlineByteCount = 16 << 20

    // MARK: OpenAI's

    /// `POST /v1/batches`.
    static func make(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        let store = try store(context, "POST")
        let order = try APIError.reading { () throws(FieldError) in
            let fields = FieldReader(body, by: context.rules)
            let window = try fields.require(BatchFields.window)
            guard let seconds = BatchFields.seconds(of: window) else {
                throw .invalid(
                    FieldPath(BatchFields.window.name), expected: "hours or days such as \"24h\"")
            }
            let expiry = try fields.read(BatchFields.outputExpiry)
            if let expiry { _ = try expiry.require(BatchFields.anchor) }
            return BatchOrder(
                owner: context.caller.owner, keyID: context.caller.id,
                dialect: context.dialect.name, isMistral: false,
                endpoint: try fields.require(BatchFields.endpoint),
                inputFiles: [try fields.require(BatchFields.inputFile)], window: window,
                windowSeconds: seconds,
                metadata: try BatchFields.metadata(fields, BatchFields.metadata),
                outputSeconds: try expiry?.require(BatchFields.seconds))
        }
        let batch = try doing(context, BatchFields.inputFile.name) { () throws(BatchRefusal) in
            try store.make(order)
        }
        return .response(ServerResponse(json: .object(batch.json(nil))))
    }

    /// `GET /v1/batches/{id}`.
    static func show(_ context: RequestContext) throws(APIError) -> ServerResponse {
        let batch = try find(context)
        let progress = try store(context).progress(of: batch.id)
        return ServerResponse(json: .object(batch.json(progress)))
    }

    /// `GET /v1/batches`.
    static func list(_ context: RequestContext) throws(APIError) -> ServerResponse {
        let store = try store(context)
        let query = try context.queryFields(BatchListFields.list)
        var selection = BatchSelection()
        (selection.after, selection.limit) = try APIError.reading { () throws(FieldError) in
            (try query.read(BatchListFields.after), try query.read(BatchListFields.limit))
        }
        let page = try page(selection, store, context)
        return ServerResponse(json: [
            "object": "list",
            "data": .array(page.batches.map { .object($0.json(store.progress(of: $0.id))) }),
            "first_id": page.batches.first.map { .string($0.id) } ?? .null,
            "last_id": page.batches.last.map { .string($0.id) } ?? .null,
            "has_more": .bool(page.hasMore),
        ])
    }

    // MARK: Mistral's

    /// `POST /v1/batch/jobs`.
    static func makeJob(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        let store = try store(context, "POST")
        var (order, requests) = try APIError.reading {
            () throws(FieldError) -> (BatchOrder, [JSONObject]?) in
            let fields = FieldReader(body, by: context.rules)
            try fields.refuse(BatchJobFields.agent)
            let files = try fields.read(BatchJobFields.inputFiles)
            let requests = try fields.read(BatchJobFields.requests)
            var lines = requests.map { _ in [JSONObject]() }
            for (value, path) in requests ?? [] {
                let line = try FieldReader(value, at: path, by: context.rules)
                var object = JSONObject()
                object["custom_id"] = try line.read(BatchJobFields.name).map { .string($0) }
                object["body"] = .object(try line.require(BatchJobFields.body).object)
                lines?.append(object)
            }
            guard files?.isEmpty == false || requests?.isEmpty == false else {
                throw .invalid(
                    FieldPath(BatchJobFields.inputFiles.name),
                    expected: "a file at least, or requests")
            }
            var names: [String] = []
            for (value, path) in files ?? [] {
                let name = try FieldReader.string(value, at: path, maxBytes: 128)
                guard !names.contains(name) else {
                    throw .invalid(path, expected: "each file once")
                }
                names.append(name)
            }
            let hours = try fields.read(BatchJobFields.hours)
            let order = BatchOrder(
                owner: context.caller.owner, keyID: context.caller.id,
                dialect: context.dialect.name, isMistral: true,
                endpoint: try fields.require(BatchJobFields.endpoint),
                model: try fields.read(BatchJobFields.model), inputFiles: names,
                window: "\(hours)h", windowSeconds: hours * 3_600,
                metadata: try BatchFields.metadata(fields, BatchJobFields.metadata))
            return (order, lines)
        }
        // Where there are both, the files come first.
        var ownFile: String?
        if let requests, !requests.isEmpty {
            let id = try keep(requests, for: order, in: store.files, context)
            order.inputFiles.append(id)
            ownFile = id
        }
        do {
            let batch = try doing(context, BatchJobFields.inputFiles.name) {
                () throws(BatchRefusal) in
                try store.make(order)
            }
            return .response(ServerResponse(json: .object(batch.jobJSON(nil))))
        } catch {
            // Nobody knows of the file that was made for it.
            if let ownFile { _ = try? store.files.remove(ownFile, of: order.owner) }
            throw error
        }
    }

    /// Makes a file of requests that came without one.
    private static func keep(
        _ requests: [JSONObject], for order: BatchOrder, in files: FileStore,
        _ context: RequestContext
    ) throws(APIError) -> String {
        do throws(JobsError) {
            let writer = try files.make(for: order.owner)
            for request in requests {
                try writer.append(JSONValue.object(request).serializedBytes() + [0x0A])
            }
            return try writer.finish(name: "batch_requests.jsonl", purpose: .batch).id
        } catch {
            throw APIError(error, requestID: context.id)
        }
    }

    /// `GET /v1/batch/jobs/{id}`.
    static func showJob(_ context: RequestContext) throws(APIError) -> ServerResponse {
        let query = try context.queryFields(BatchJobShowFields.list)
        let isInline = try APIError.reading { () throws(FieldError) in
            try query.read(BatchJobShowFields.inline)
        }
        let batch = try find(context)
        let store = try store(context)
        let object = batch.jobJSON(store.progress(of: batch.id))
        guard isInline, batch.status.isFinal else { return ServerResponse(json: .object(object)) }
        let lines = try doing(context, BatchJobShowFields.inline.name) { () throws(BatchRefusal) in
            try store.outputs(of: batch, maxByteCount: maxInlineByteCount)
        }
        guard let lines else {
            throw .invalid(
                FieldPath(BatchJobShowFields.inline.name),
                expected: "answers of \(maxInlineByteCount) bytes at most; download the files")
        }
        // They are JSON already.
        let bytes =
            JSONValue.object(object).serializedBytes().dropLast() + Array(",\"outputs\":[".utf8)
            + Array(lines.joined(separator: [UInt8(ascii: ",")])) + Array("]}".utf8)
        return ServerResponse(
            status: .ok, contentType: "application/json", body: Array(bytes))
    }

    /// `GET /v1/batch/jobs`.
    static func listJobs(_ context: RequestContext) throws(APIError) -> ServerResponse {
        let store = try store(context)
        let query = try context.queryFields(BatchJobListFields.list)
        let selection = try APIError.reading { () throws(FieldError) in
            try BatchJobListFields.selection(query)
        }
        let page = try page(selection, store, context)
        return ServerResponse(json: [
            "object": "list",
            "data": .array(page.batches.map { .object($0.jobJSON(store.progress(of: $0.id))) }),
            "total": .integer(page.total),
        ])
    }

    /// `DELETE /v1/batch/jobs/{id}`.
    static func remove(_ context: RequestContext) throws(APIError) -> ServerResponse {
        let store = try store(context, "DELETE")
        let isGone = try doing(context, "job_id") { () throws(BatchRefusal) in
            try store.remove(context.parameter, of: context.caller.owner)
        }
        guard isGone else { throw .itemNotFound(context.parameter) }
        return ServerResponse(json: [
            "id": .string(context.parameter), "object": "batch", "deleted": true,
        ])
    }

    // MARK: Both

    /// Answers where it may wait for the disk.
    static func onDisk(
        _ context: RequestContext,
        _ answer: @escaping @Sendable (RequestContext) throws(APIError) -> ServerResponse
    ) async throws(APIError) -> ServerResponse {
        try await context.backend.disk.run(for: context.client) { () throws(APIError) in
            try answer(context)
        }
    }

    /// `POST …/cancel`.
    static func cancel(
        _ context: RequestContext, _ json: (StoredBatch, BatchProgress?) -> JSONObject
    ) throws(APIError) -> ServerResponse {
        let store = try store(context, "POST")
        let batch = try doing(context, "id") { () throws(BatchRefusal) in
            try store.cancel(context.parameter, of: context.caller.owner)
        }
        guard let batch else { throw .itemNotFound(context.parameter) }
        return ServerResponse(json: .object(json(batch, store.progress(of: batch.id))))
    }

    private static func find(_ context: RequestContext) throws(APIError) -> StoredBatch {
        let store = try store(context)
        let batch = try doing(context, "id") { () throws(BatchRefusal) in
            try store.batch(context.parameter, of: context.caller.owner)
        }
        guard let batch else { throw .itemNotFound(context.parameter) }
        return batch
    }

    private static func page(
        _ selection: BatchSelection, _ store: BatchStore, _ context: RequestContext
    ) throws(APIError) -> BatchPage {
        let page = try doing(context, BatchListFields.after.name) { () throws(BatchRefusal) in
            try store.page(selection, of: context.caller.owner)
        }
        guard let page else {
            throw .invalid(
                FieldPath(BatchListFields.after.name), expected: "the id of one of the batches")
        }
        return page
    }

    private static func store(
        _ context: RequestContext, _ method: String = "GET"
    ) throws(APIError) -> BatchStore {
        guard let store = context.backend.batches else {
            throw .unbuilt(
                "\(method) \(context.record.route)",
                instead: "it keeps them only where its setting 'jobs-directory' names a "
                    + "folder")
        }
        return store
    }

    private static func doing<Value>(
        _ context: RequestContext, _ field: String, _ body: () throws(BatchRefusal) -> Value
    ) throws(APIError) -> Value {
        do throws(BatchRefusal) { return try body() } catch {
            throw APIError(error, field: field, requestID: context.id)
        }
    }
}

extension APIError {
    /// Why a batch is not taken, or not changed.
    fileprivate init(_ refusal: BatchRefusal, field: String, requestID: String) {
        let path = FieldPath(field)
        self =
            switch refusal {
            case .noFile(let id): .itemNotFound(id)
            case .otherPurpose:
                .invalid(path, expected: "a file that was uploaded for the purpose \"batch\"")
            case .tooMany(let limit):
                .forbidden(
                    reason: "\(limit) of your batches have not ended, the most that there may be "
                        + "(batches-per-key); wait for one, or cancel one.")
            case .hasEnded(let status):
                .conflict(reason: "The batch is \(status.rawValue), and stays so.")
            case .isRunning(let status):
                .conflict(
                    reason: "The batch is \(status.rawValue); cancel it or wait for its end, then "
                        + "delete it.")
            case .store(let error): APIError(error, requestID: requestID)
            }
    }
}
