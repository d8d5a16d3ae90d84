// SPDX-License-Identifier: Apache-2.0

import Access
import HTTP
import HTTPTypes
import JSON

extension RouteGroup {
    /// The keys of the file, to those that are for all keys.
    static let keys = RouteGroup(
        for: .admin,
        .get("/v1/admin/keys", isListed: false, contract: .keys) { context throws(APIError) in
            let file = try KeyRoutes.file(context)
            let keys: [AccessKey]
            do throws(AccessError) {
                keys = try KeyFile(try file.read(), path: file.path).keys
            } catch {
                throw .failed(reason: "The file of keys cannot be read.")
            }
            let now = context.backend.unixTime()
            return ServerResponse(json: [
                "object": "list", "data": .array(keys.map { KeyRoutes.json($0, at: now) }),
            ])
        },
        .post("/v1/admin/keys", isListed: false, contract: .addKey) {
            body, context throws(APIError) in
            .response(ServerResponse(json: try KeyRoutes.add(body, context)))
        },
        .to(.delete, "/v1/admin/keys/{name}", contract: .revokeKey) { context throws(APIError) in
            let name = context.parameter
            try KeyRoutes.change(context) { keys throws(AccessError) in try keys.revoke(name) }
            return ServerResponse(json: ["object": "key", "name": .string(name), "deleted": true])
        })
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
        _ body: JSONObject, _ context: RequestContext
    ) throws(APIError) -> JSONValue {
        let (name, span, limits) = try APIError.reading {
            () throws(FieldError) -> (String?, Int?, AccessLimits) in
            let fields = FieldReader(body, by: context.rules)
            var limits = AccessLimits()
            limits.isAdmin = try fields.read(KeyFields.admin)
            for (limit, field) in KeyFields.limits {
                if let number = try fields.read(field) { limit.set(number, in: &limits) }
            }
            return (try fields.read(KeyFields.name), try fields.read(KeyFields.span), limits)
        }
        let now = context.backend.unixTime()
        let given = name ?? "key-" + RequestContext.randomHex().prefix(8)
        let secret = try change(context) { keys throws(AccessError) in
            try keys.add(given, limits, expires: span.map { now + $0 }, at: now)
        }
        return ["object": "key", "name": .string(given), "key": .string(secret)]
    }

    /// Changes the file, and has the server know it at once.
    static func change<Result>(
        _ context: RequestContext, _ change: (inout KeyFile) throws(AccessError) -> Result
    ) throws(APIError) -> Result {
        let file = try file(context)
        // Whoever is held to something could make a key that is not.
        let own = context.caller.limits
        guard own.models == nil, own.families == nil else {
            throw .forbidden(
                reason: "The key '\(context.caller.name)' is held to some models or families, and "
                    + "may not change keys.")
        }
        do throws(AccessError) {
            let result = try KeyFile.changing(file, makes: false, change)
            _ = context.backend.access?.reload()
            return result
        } catch {
            switch error {
            case .unknownKey(let name): throw .itemNotFound(name)
            case .knownKey, .wrong:
                throw .invalidRequest(
                    .unsupported(FieldPath("name"), reason: EchoableText.of("\(error)")))
            case .file(_, let reason):
                throw .failed(
                    reason: "The file of keys cannot be changed (\(reason)); `cierzo keys` can.")
            default: throw .failed(reason: "The file of keys cannot be changed.")
            }
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

    static let span = Field.integer(
        "expires_in_seconds", in: 1...1_000_000_000, "When it ends; never where it is left out.")

    /// Those of the file, with underscores in their names.
    static let limits = NumericLimit.all.map { limit in
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
        limits.map(\.1.declaration)
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
        })

    /// `POST /v1/admin/keys`.
    static let addKey = EndpointContract(
        "Make a key, and tell it this once.", takes: KeyFields.list,
        gives: .object {
            FieldDeclaration("object", .choice(["key"]), "The kind.").required
            FieldDeclaration("name", .string(), "Its name.").required
            FieldDeclaration("key", .string(), "The secret, which nothing can tell again.").required
        })

    /// `DELETE /v1/admin/keys/{name}`.
    static let revokeKey = EndpointContract(
        "End a key.",
        gives: .object {
            FieldDeclaration("object", .choice(["key"]), "The kind.").required
            FieldDeclaration("name", .string(), "What it was called.").required
            FieldDeclaration("deleted", .boolean, "Always true.").required
        })
}
