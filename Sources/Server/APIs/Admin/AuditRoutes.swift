// SPDX-License-Identifier: Apache-2.0

import Access
import HTTP
import HTTPTypes
import JSON
import Serving

extension RouteGroup {
    /// What was recorded of requests, to those that are for all keys.
    static let audit = RouteGroup(
        for: .admin,
        .later("/v1/admin/audit", isListed: false, contract: .audit, answer: AuditRoutes.search),
        .later(
            "/v1/admin/audit/{place}", isListed: false, contract: .auditRecord,
            answer: AuditRoutes.show),
        .post(
            "/v1/admin/audit/replay", isListed: false, contract: .auditReplay,
            answer: AuditRoutes.replay))
}

private enum AuditRoutes {
    private static func log(_ context: RequestContext) throws(APIError) -> AuditLog {
        guard let log = context.backend.access?.audit else {
            throw .itemNotFound("audit (the server's setting 'audit' names no folder)")
        }
        return log
    }

    /// `GET /v1/admin/audit`: records from the newest on.
    static func search(_ context: RequestContext) async throws(APIError) -> ServerResponse {
        let log = try log(context)
        let selection = try selection(context)
        return try await context.backend.operatorWork.report(for: context.client) {
            () throws(APIError) in
            let found: AuditFindings
            do throws(AccessError) {
                found = try log.search(selection)
            } catch {
                throw .failed(reason: "The records cannot be read.")
            }
            return ServerResponse(json: [
                "object": "list",
                "data": .array(found.records.map { json($0.record, at: $0.place) }),
                "has_more": .bool(found.next != nil),
                "next": found.next.map { .string("\($0)") } ?? .null,
                "problems": .array(found.problems.map { .string($0) }),
            ])
        }
    }

    private static func selection(
        _ context: RequestContext
    ) throws(APIError) -> AuditSelection {
        let query = try context.queryFields(AuditFields.search)
        return try APIError.reading { () throws(FieldError) in
            // Whoever misspells what is to be left out would take what is told for the whole.
            try FieldReader.refuseOthers(in: context.query, than: AuditFields.search)
            var selection = AuditSelection()
            selection.key = try query.read(AuditFields.key)
            selection.model = try query.read(AuditFields.model)
            selection.request = try query.read(AuditFields.request)
            selection.start = try query.read(AuditFields.start) ?? selection.start
            selection.end = try query.read(AuditFields.end) ?? selection.end
            selection.limit = try query.read(AuditFields.limit)
            if let text = try query.read(AuditFields.before) {
                selection.before = try readPlace(text, AuditFields.before.name)
            }
            return selection
        }
    }

    private static func readPlace(
        _ text: String, _ field: String
    ) throws(FieldError) -> AuditPlace {
        guard let place = AuditPlace(text) else {
            throw .invalid(FieldPath(field), expected: "a place such as 1-0, as a search tells it")
        }
        return place
    }

    /// What may be shown of a record; what is sealed in it is only named.
    private static func json(_ record: AuditRecord, at place: AuditPlace) -> JSONValue {
        var members: JSONObject = [
            "object": "audit.record", "place": .string("\(place)"),
            "sequence": .integer(record.sequence),
            "sealed_for": record.sealed.map { .string($0.key) } ?? .null,
        ]
        for (name, value) in record.open { members[name] = value }
        return .object(members)
    }

    /// `GET /v1/admin/audit/{place}`: one record, with what is sealed in it.
    static func show(_ context: RequestContext) async throws(APIError) -> ServerResponse {
        let log = try log(context)
        guard let place = AuditPlace(context.parameter) else {
            throw .itemNotFound(context.parameter)
        }
        return try await context.backend.operatorWork.report(for: context.client) {
            () throws(APIError) in
            let record = try readRecord(at: place, in: log)
            var answer = json(record, at: place).objectValue ?? [:]
            answer["sealed"] =
                record.sealed.map {
                    ["box": .string($0.box), "bound": .string($0.bound)]
                } ?? .null
            return ServerResponse(json: .object(answer))
        }
    }

    private static func readRecord(
        at place: AuditPlace, in log: AuditLog
    ) throws(APIError) -> AuditRecord {
        do throws(AccessError) {
            return try log.record(at: place)
        } catch {
            throw .itemNotFound("\(place)")
        }
    }

    /// `POST /v1/admin/audit/replay`: answers a request again whose content its operator has opened.
    static func replay(
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> RequestPlan {
        let log = try log(context)
        let (place, content) = try APIError.reading {
            () throws(FieldError) -> (AuditPlace, AuditedContent) in
            let fields = FieldReader(body, by: context.rules)
            let place = try readPlace(
                try fields.require(AuditFields.place), AuditFields.place.name)
            let text = try fields.require(AuditFields.content)
            do throws(AuditedContent.Failure) {
                return (place, try AuditedContent(Array(text.utf8)))
            } catch {
                throw .unsupported(FieldPath(AuditFields.content.name), reason: "\(error)")
            }
        }
        return .later { context async throws(APIError) in
            let record = try await context.backend.operatorWork.report(for: context.client) {
                () throws(APIError) in
                let record = try readRecord(at: place, in: log)
                guard content.belongs(to: record.members) else {
                    throw .invalidRequest(
                        .unsupported(
                            FieldPath(AuditFields.content.name),
                            reason: "the prompts or replies in it are not those of this record"))
                }
                return record
            }
            let name =
                record.members["adapter"]?["name"]?.stringValue
                ?? record.members["model"]?.stringValue
            let model = try context.model(named: name ?? "")
            try check(record, model)
            do {
                let replay = try await AuditReplay(of: content, by: model)
                return ServerResponse(
                    json: .object(json(replay, sameComputation: isSame(record, model))))
            } catch let failure as AuditReplay.Failure {
                throw .invalidRequest(
                    .unsupported(
                        FieldPath(AuditFields.content.name),
                        reason: EchoableText.sentence("\(failure)")))
            } catch let error as ServingError {
                throw APIError(error)
            } catch {
                throw .failed(reason: "The request could not be answered again.")
            }
        }
    }

    /// Refuses other weights than those of the record.
    private static func check(_ record: AuditRecord, _ model: ServedModel) throws(APIError) {
        // The program stands before them; an adapter's are behind.
        let count = model.adapter == nil ? 1 : 2
        func weights(_ fingerprint: String) -> [Substring] {
            fingerprint.split(separator: "-").suffix(count)
        }
        let recorded = record.members["fingerprint"]?.stringValue ?? ""
        guard weights(recorded) == weights(model.fingerprint) else {
            throw .invalidRequest(
                .unsupported(
                    FieldPath(AuditFields.place.name),
                    reason:
                        "the model '\(EchoableText.of(model.description.name))' has other weights "
                        + "than then; `cierzo audit replay` takes those of a file"))
        }
    }

    /// Whether numbers are computed as then, so that every token must be the same.
    private static func isSame(_ record: AuditRecord, _ model: ServedModel) -> Bool {
        record.members["computation"] == .object(model.computation)
    }

    private static func json(_ replay: AuditReplay, sameComputation: Bool) -> JSONObject {
        var answer: JSONObject = [
            "object": "audit.replay", "same": false, "choice": .null, "token": .null,
            "recorded": .null, "found": .null,
            "same_computation": .bool(sameComputation),
            "prompt_renders_same": .bool(replay.rendersSame),
            "texts": .array(replay.texts.map { .string($0) }),
        ]
        switch replay.outcome {
        case .same: answer["same"] = true
        case .otherToken(let choice, let index, let recorded, let found):
            answer["choice"] = .integer(choice)
            answer["token"] = .integer(index)
            answer["recorded"] = recorded.map { .string("\($0)") } ?? .null
            answer["found"] = found.map { .string("\($0)") } ?? .null
        case .otherEnd(let choice, let recorded, let found):
            answer["choice"] = .integer(choice)
            answer["recorded"] = .string(recorded)
            answer["found"] = .string(found)
        }
        return answer
    }
}

/// The fields of what is asked of the records.
enum AuditFields {
    private static let times = 0...Int(Int32.max) * 1000
    private static let defaults = AuditSelection()

    static let key = Field.string("key", "The name or id of the only key that is told of.")
    static let model = Field.string("model", "The only model that is told of.")
    static let request = Field.string("request", "The only x-request-id that is told of.")
    static let start = Field.integer("start", in: times, "The first second, since 1970.")
    static let end = Field.integer("end", in: times, "The first second after it, since 1970.")
    static let limit = Field.integer("limit", in: 1...200, "The most records.")
        .defaulting(to: defaults.limit)
    static let before = Field.string(
        "before", "The place before which to go on, as `next` told it.")

    /// Those of `GET /v1/admin/audit`.
    static let search = FieldList {
        key
        model
        request
        start
        end
        limit
        before
    }

    static let place = Field.string("place", "Where the record stands, as a search tells it.")
        .example("1-0").required
    static let content = Field.string(
        "content", "What was sealed in the record, opened with the operator's private key."
    ).required

    /// Those of `POST /v1/admin/audit/replay`.
    static let replay = FieldList {
        place
        content
    }
}

extension EndpointContract {
    /// `GET /v1/admin/audit`.
    static let audit = EndpointContract(
        "Search the records of requests, the newest first.",
        gives: .object {
            FieldDeclaration("object", .choice(["list"]), "The kind of the answer.").required
            FieldDeclaration("data", .array(of: .map(of: .any)), "The records.").required
            FieldDeclaration(
                "has_more", .boolean,
                "Whether there is more to look through: a search reads so much and no more."
            ).required
            FieldDeclaration("next", FieldKind.string().orNull, "Where to go on, for `before`.")
                .required
            FieldDeclaration(
                "problems", .array(of: .string()), "Lines that are not as they were written."
            ).required
        }
    ).queried(AuditFields.search).needing(.audit)

    /// `GET /v1/admin/audit/{place}`.
    static let auditRecord = EndpointContract(
        "Show a record, and what is sealed in it.", gives: .map(of: .any)
    ).needing(.audit)

    /// `POST /v1/admin/audit/replay`.
    static let auditReplay = EndpointContract(
        "Answer a recorded request again, and compare that with the answer of then.",
        takes: AuditFields.replay,
        gives: .object {
            FieldDeclaration("object", .choice(["audit.replay"]), "The kind.").required
            FieldDeclaration("same", .boolean, "Whether each token and end is the same.").required
            FieldDeclaration("choice", AnswerMembers.count.orNull, "The first that differs.")
                .required
            FieldDeclaration("token", AnswerMembers.count.orNull, "Its first that differs.")
                .required
            FieldDeclaration("recorded", FieldKind.string().orNull, "The token or end of then.")
                .required
            FieldDeclaration("found", FieldKind.string().orNull, "The token or end of now.")
                .required
            FieldDeclaration(
                "same_computation", .boolean,
                "Whether numbers are computed as then; otherwise tokens may differ."
            ).required
            FieldDeclaration(
                "prompt_renders_same", .boolean, "Whether the request gives the prompts of then."
            ).required
            FieldDeclaration("texts", .array(of: .string()), "The choices as they are now.")
                .required
        }
    ).needing(.audit)
}
