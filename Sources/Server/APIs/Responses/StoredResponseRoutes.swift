// SPDX-License-Identifier: Apache-2.0

import Access
import HTTP
import HTTPTypes
import JSON
import Storage

extension RouteGroup {
    /// Responses that were kept.
    static let storedResponses = RouteGroup(
        for: .responses,
        .to(
            .get, "/v1/responses/{id}", contract: .storedResponse,
            answer: StoredResponseRoutes.show),
        .later(
            "/v1/responses/{id}", method: .delete, isListed: false, contract: .deletedResponse,
            answer: StoredResponseRoutes.remove),
        .to(
            .get, "/v1/responses/{id}/input_items", contract: .responseInput,
            answer: StoredResponseRoutes.list),
        .to(
            .post, "/v1/responses/{id}/cancel", contract: .cancelledResponse,
            answer: StoredResponseRoutes.cancel))
}

/// What stands after the `?` of a stored response.
enum StoredResponseFields {
    /// What asks for a stream.
    static let refused = ["stream", "starting_after"].map {
        FieldDeclaration.refused(
            $0, neutral: [false], reason: "a response is only streamed as it is made")
    }

    /// All of them.
    static let list = FieldList {
        refused
        includes
        FieldDeclaration.ignored("include_obfuscation", reason: "it is of streams alone")
    }

    /// What clients want to be told besides.
    static let includes = FieldDeclaration.ignored(
        "include", reason: "all that is kept is told"
    ).peers("include[]")
}

/// What stands after the `?` of the input of a stored response.
enum InputItemFields {
    static let order = Field.choice(
        "order", of: ["desc", "asc"], "Whether the last item comes first."
    ).defaulting(to: "desc")
    static let limit = Field.integer(
        "limit", in: 1...100, "The most items that are told."
    ).defaulting(to: 20)
    static let after = Field.string("after", "The id of the item after which the list begins.")

    /// All of them.
    static let list = FieldList {
        order
        limit
        after
        StoredResponseFields.includes
    }
}

private enum StoredResponseRoutes {
    /// `GET /v1/responses/{id}`.
    static func show(_ context: RequestContext) throws(APIError) -> ServerResponse {
        let query = try context.queryFields(StoredResponseFields.list)
        try APIError.reading { () throws(FieldError) in
            for field in StoredResponseFields.refused { try query.refuse(field) }
        }
        return ServerResponse(json: .object(try find(context, "GET").response))
    }

    /// `DELETE /v1/responses/{id}`.
    static func remove(_ context: RequestContext) async throws(APIError) -> ServerResponse {
        let responses = try responses(context, "DELETE")
        let isRemoved: Bool
        do throws(StorageError) {
            isRemoved = try await responses.remove(context.parameter)
        } catch {
            throw .failed(reason: "The response could not be removed: \(error)")
        }
        if !isRemoved { throw .itemNotFound(context.parameter) }
        return ServerResponse(json: [
            "id": .string(context.parameter), "object": "response", "deleted": true,
        ])
    }

    /// `POST /v1/responses/{id}/cancel`.
    static func cancel(_ context: RequestContext) throws(APIError) -> ServerResponse {
        _ = try find(context, "POST")
        throw .invalid(
            "response_id",
            expected: "a response in the background, of which there are none here; close the "
                + "connection to cancel one that is being made")
    }

    /// `GET /v1/responses/{id}/input_items`.
    static func list(_ context: RequestContext) throws(APIError) -> ServerResponse {
        let query = try context.queryFields(InputItemFields.list)
        let (order, limit, after) = try APIError.reading { () throws(FieldError) in
            (
                try query.read(InputItemFields.order), try query.read(InputItemFields.limit),
                try query.read(InputItemFields.after)
            )
        }
        var items = try find(context, "GET").listedInput[...]
        if order == "desc" { items = Array(items.reversed())[...] }
        if let after, !after.isEmpty {
            guard let place = items.firstIndex(where: { $0["id"]?.stringValue == after }) else {
                throw .invalid("after", expected: "the id of one of the items")
            }
            items = items[(place + 1)...]
        }
        let page = items.prefix(limit)
        return ServerResponse(json: [
            "object": "list", "data": .array(Array(page)),
            "first_id": page.first?["id"] ?? "", "last_id": page.last?["id"] ?? "",
            "has_more": .bool(page.count < items.count),
        ])
    }

    private static func find(
        _ context: RequestContext, _ method: String
    ) throws(APIError) -> StoredResponse {
        guard let response = try responses(context, method).response(context.parameter) else {
            throw .itemNotFound(context.parameter)
        }
        return response
    }

    private static func responses(
        _ context: RequestContext, _ method: String
    ) throws(APIError) -> StoredResponses {
        guard let responses = StoredResponses(of: context) else {
            throw .unbuilt(
                method + " /v1/responses/{id}",
                instead: "it keeps responses only where its setting 'storage' names a folder")
        }
        return responses
    }
}
