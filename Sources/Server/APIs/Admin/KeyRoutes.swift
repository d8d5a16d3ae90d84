// SPDX-License-Identifier: Apache-2.0

import Access
import HTTP
import HTTPTypes
import JSON

extension RouteGroup {
    /// The keys of the file, to those that are for all keys.
    static let keys = RouteGroup(
        for: .admin,
        .later("/v1/admin/keys", isListed: false, contract: .keys) {
            context async throws(APIError) in
            let file = try KeyRoutes.file(context)
            let keys = try await context.backend.operatorWork.read(for: context.client) {
                () throws(APIError) in
                do throws(AccessError) {
                    return try KeyFile(try file.read(), path: file.path).keys
                } catch {
                    throw .failed(reason: "The file of keys cannot be read.")
                }
            }
            let now = context.backend.unixTime()
            return ServerResponse(json: [
                "object": "list", "data": .array(keys.map { KeyRoutes.json($0, at: now) }),
            ])
        },
        .post("/v1/admin/keys", isListed: false, contract: .addKey) {
            body, context throws(APIError) in
            let key = try NewKey(body, context)
            context.record.trail?.concerns(key.name)
            return .later { context async throws(APIError) in
                ServerResponse(json: try await KeyRoutes.add(key, context))
            }
        },
        .later(
            "/v1/admin/keys/{name}", method: .delete, isListed: false, contract: .revokeKey
        ) {
            context async throws(APIError) in
            let name = context.parameter
            context.record.trail?.concerns(name)
            try await KeyRoutes.change(context) { keys throws(AccessError) in
                try keys.revoke(name)
            }
            return ServerResponse(json: ["object": "key", "name": .string(name), "deleted": true])
        })
}

/// A key that is to be made, as a body has it.
private struct NewKey: Sendable {
    let name: String
    let limits: AccessLimits
    /// The seconds after which it ends; nil for never.
    let span: Int?

    init(_ body: JSONObject, _ context: RequestContext) throws(APIError) {
        (name, limits, span) = try APIError.reading {
            () throws(FieldError) -> (String, AccessLimits, Int?) in
            // A limit that was meant and not understood would be none.
            for name in body.keys where KeyFields.list.declaration(name) == nil {
                throw .unsupported(
                    FieldPath(EchoableText.of(name)),
                    reason: "a key has no such field; it has "
                        + KeyFields.list.names.joined(separator: ", "))
            }
            let fields = FieldReader(body, by: context.rules)
            let name = try fields.read(KeyFields.name)
            return (
                name ?? "key-" + RequestContext.randomHex().prefix(8),
                try KeyFields.limits(fields), try fields.read(KeyFields.span)
            )
        }
    }
}

private enum KeyRoutes {
    static func file(_ context: RequestContext) throws(APIError) -> PrivateFile {
        guard let file = context.backend.configuration.keyFile else {
            throw .itemNotFound("keys (the server's setting 'key-file' names no file)")
        }
        return file
    }

    /// All that may be shown of a key.
    static func json(_ key: AccessKey, at time: Int) -> JSONValue {
        [
            "object": "key", "id": .string(key.id), "name": .string(key.name),
            "created": .integer(key.created),
            "expires": key.expires.map { .integer($0) } ?? .null,
            "live": .bool(!key.liveSecrets(at: time).isEmpty),
            "limits": .object(key.limits.json),
        ]
    }

    static func add(
        _ key: NewKey, _ context: RequestContext
    ) async throws(APIError) -> JSONValue {
        let now = context.backend.unixTime()
        if let end = context.caller.expires, key.span.map({ now + $0 > end }) ?? true {
            throw .invalid(
                FieldPath(KeyFields.span.name),
                expected: "at most \(max(1, end - now)): no key outlives the one that makes it")
        }
        let secret = try await change(context) { keys throws(AccessError) in
            try keys.add(key.name, key.limits, expires: key.span.map { now + $0 }, at: now)
        }
        return ["object": "key", "name": .string(key.name), "key": .string(secret)]
    }

    /// Changes the file, and has the server know it at once.
    @discardableResult static func change<Result: Sendable>(
        _ context: RequestContext,
        _ change: @escaping @Sendable (inout KeyFile) throws(AccessError) -> Result
    ) async throws(APIError) -> Result {
        let file = try file(context)
        // Whoever is held to something could make keys that are not, or many that are together more.
        var own = context.caller.limits
        own.isAdmin = false
        guard own == AccessLimits() else {
            throw .forbidden(
                reason: "The key '\(context.caller.name)' is itself held to "
                    + "\(EchoableText.sentence(own.summary)), and may not change keys.")
        }
        return try await context.backend.operatorWork.read(for: context.client) {
            () throws(APIError) in
            do throws(AccessError) {
                let result = try KeyFile.changing(file, makes: false, change)
                _ = context.backend.access?.reload()
                return result
            } catch {
                throw refusal(error)
            }
        }
    }

    private static func refusal(_ error: AccessError) -> APIError {
        switch error {
        case .unknownKey(let name): .itemNotFound(name)
        case .knownKey, .wrong:
            .invalidRequest(
                .unsupported(FieldPath("name"), reason: EchoableText.sentence("\(error)")))
        case .file(_, let reason):
            .failed(reason: "The file of keys cannot be changed (\(reason)); `cierzo keys` can.")
        default: .failed(reason: "The file of keys cannot be changed.")
        }
    }
}

/// The fields of a key that is to be made.
enum KeyFields {
    static let name = Field.string(
        "name", maxBytes: 64, "What to call it; an invented name where it is left out."
    ).example("team-a")

    static let admin = Field.boolean(
        "admin", "Whether it may see and do what an operator may."
    ).defaulting(to: false)

    static let batch = Field.boolean("batch", "Whether it may hand in batches.")
        .defaulting(to: true)

    static let auditContent = Field.boolean(
        "audit_content",
        "Whether what it asks and is answered is recorded, sealed, where the server keeps that of some."
    ).defaulting(to: false)

    static let models = Field.array(
        "models", of: .string(maxBytes: 1024), minCount: 1, maxCount: { _ in 1024 },
        "The models that it is for; all where it is left out."
    ).example(["small"])

    static let families = Field.array(
        "families", of: .choice(AccessFamily.held.map(\.rawValue)), minCount: 1,
        maxCount: { _ in AccessFamily.held.count },
        "The families of the API that it is for; all where it is left out."
    ).example(["chat"])

    static let span = Field.integer(
        "expires_in_seconds", in: 1...1_000_000_000, "When it ends; never where it is left out.")

    /// The numbers of the file, with underscores in their names.
    static let numbers = NumericLimit.all.map { limit in
        (
            limit,
            Field.integer(
                limit.name.replacing("-", with: "_"), in: limit.range,
                limit.summary.prefix(1).uppercased() + limit.summary.dropFirst() + ".")
        )
    }

    /// All of them.
    static let list = FieldList {
        name
        admin
        span
        models
        families
        numbers.map(\.1.declaration)
        batch
        auditContent
    }

    /// What a key that is to be made may do.
    static func limits(_ fields: FieldReader) throws(FieldError) -> AccessLimits {
        var limits = AccessLimits()
        if let elements = try fields.read(models) {
            limits.models = try some(models, elements) { (value, path) throws(FieldError) in
                try FieldReader.string(value, at: path, maxBytes: 1024)
            }
        }
        if let elements = try fields.read(families) {
            limits.families = try some(families, elements) { (value, path) throws(FieldError) in
                let name = try FieldReader.string(value, at: path)
                guard let family = AccessFamily(held: name) else {
                    throw .invalid(path, expected: "one of \(AccessFamily.heldNames)")
                }
                return family
            }
        }
        for (limit, field) in numbers {
            if let number = try fields.read(field) { limit.set(number, in: &limits) }
        }
        limits.mayBatch = try fields.read(batch)
        limits.keepsContent = try fields.read(auditContent)
        limits.isAdmin = try fields.read(admin)
        return limits
    }

    private static func some<Value>(
        _ field: Field<[FieldElement]>, _ elements: [FieldElement],
        _ read: (JSONValue, FieldPath) throws(FieldError) -> Value
    ) throws(FieldError) -> [Value] {
        guard !elements.isEmpty else {
            throw .invalid(
                FieldPath(field.name), expected: "at least one; all where it is left out")
        }
        var values: [Value] = []
        for element in elements { values.append(try read(element.value, element.path)) }
        return values
    }
}

extension EndpointContract {
    /// `GET /v1/admin/keys`.
    static let keys = EndpointContract(
        "The keys of the file, and what each may do.",
        gives: .object {
            FieldDeclaration("object", .choice(["list"]), "The kind of the answer.").required
            FieldDeclaration(
                "data",
                .array(
                    of: .object {
                        FieldDeclaration("object", .choice(["key"]), "The kind.").required
                        FieldDeclaration("id", .string(), "Its id.").required
                        FieldDeclaration("name", .string(), "Its name.").required
                        FieldDeclaration("created", AnswerMembers.count, "In Unix seconds.")
                            .required
                        FieldDeclaration(
                            "expires", AnswerMembers.count.orNull, "When it ends; null for never."
                        ).required
                        FieldDeclaration("live", .boolean, "Whether it opens anything.").required
                        FieldDeclaration(
                            "limits", .map(of: .any), "As the file of keys has them."
                        ).required
                    }), "In the order in which they were made."
            ).required
        }
    ).needing(.keys)

    /// `POST /v1/admin/keys`.
    static let addKey = EndpointContract(
        "Make a key, and tell it this once.", takes: KeyFields.list,
        gives: .object {
            FieldDeclaration("object", .choice(["key"]), "The kind.").required
            FieldDeclaration("name", .string(), "Its name.").required
            FieldDeclaration("key", .string(), "The secret, which nothing can tell again.").required
        }
    ).needing(.keys)

    /// `DELETE /v1/admin/keys/{name}`.
    static let revokeKey = EndpointContract(
        "End a key.",
        gives: .object {
            FieldDeclaration("object", .choice(["key"]), "The kind.").required
            FieldDeclaration("name", .string(), "What it was called.").required
            FieldDeclaration("deleted", .boolean, "Always true.").required
        }
    ).needing(.keys)
}
