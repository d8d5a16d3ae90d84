// SPDX-License-Identifier: Apache-2.0

import Access
import HTTP
import HTTPTypes
import JSON

extension RouteGroup {
    /// What operators, probes and whoever opens the address in a browser want to know.
    static let service = RouteGroup(
        .get("/health", "/health/ready", "/v1/health", isOpen: true, contract: .health) {
            Health($0.backend).response
        },
        .get("/health/live", isOpen: true, isListed: false, contract: .liveness) { _ in
            ServerResponse(json: ["status": "ok"])
        },
        .get("/metrics", contract: .metrics, for: .operation) { context throws(APIError) in
            let query = try context.queryFields(MetricFields.list)
            return Exposition.response(context.backend, names: try MetricFields.read(query))
        },
        .get("/v1/admin/experts", isListed: false, contract: .experts, for: .operation) {
            ServerResponse(json: ExpertReport.json($0.backend.models))
        },
        .get("/version", "/v1/version", contract: .version) {
            ServerResponse(json: ["version": .string($0.backend.configuration.version)])
        },
        .get("/openapi.json", isListed: false, contract: .document) { context in
            let key = DocumentCache.Key(
                dialect: context.dialect.name, isForced: context.isDialectForced)
            let body = context.backend.documents.document(key) {
                document(for: context).json.serializedBytes()
            }
            return ServerResponse(status: .ok, contentType: "application/json", body: body)
        })

    /// `GET /openapi.json`: what this server answers.
    private static func document(for context: RequestContext) -> OpenAPIDocument {
        let backend = context.backend
        return OpenAPIDocument(
            endpoints: RouteTable.standard.endpoints.filter {
                $0.contract?.needed.map(backend.has) ?? true
            }, rules: context.rules,
            isForced: context.isDialectForced, needsKey: backend.needsKey,
            programVersion: backend.configuration.version)
    }
}
