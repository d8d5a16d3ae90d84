// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import JSON

/// What `GET /openapi.json` shows: the endpoints, made of the declarations that read their requests.
///
/// Below the prefix of a dialect the document is of that dialect alone. Elsewhere the body of a
/// request may choose, so that errors of every dialect may come.
struct OpenAPIDocument: Sendable {
    /// The version of OpenAPI.
    static let version = "3.1.0"

    /// All endpoints that it shows.
    let endpoints: [Endpoint]

    /// Whose limits hold.
    let rules: FieldRules

    /// Whether requests cannot choose another dialect.
    let isForced: Bool

    /// Whether a key is needed.
    let needsKey: Bool

    /// The version of the program.
    let programVersion: String

    /// The document.
    var json: JSONValue {
        var paths = JSONObject()
        var schemas = JSONObject()
        for endpoint in endpoints {
            guard let contract = endpoint.contract else { continue }
            let operation = operation(endpoint, contract, &schemas)
            var methods = paths[endpoint.name]?.objectValue ?? [:]
            methods[endpoint.method.rawValue.lowercased()] = .object(operation)
            paths[endpoint.name] = .object(methods)
        }
        return [
            "openapi": .string(Self.version),
            "info": [
                "title": "Cierzo", "version": .string(programVersion),
                "description":
                    "An inference server with OpenAI's, Mistral's and other vendors' HTTP APIs.",
            ],
            "servers": [["url": .string(isForced ? "/" + rules.dialect.name : "/")]],
            "paths": .object(paths),
            "components": [
                "schemas": .object(schemas),
                "securitySchemes": [
                    "bearer": ["type": "http", "scheme": "bearer"],
                    "x-api-key": ["type": "apiKey", "in": "header", "name": "x-api-key"],
                    "api-key": ["type": "apiKey", "in": "header", "name": "api-key"],
                ],
            ],
        ]
    }

    private func operation(
        _ endpoint: Endpoint, _ contract: EndpointContract, _ schemas: inout JSONObject
    ) -> JSONObject {
        let id = endpoint.operationID
        let rules = FieldRules(
            dialect: endpoint.keptDialect
                ?? (isForced ? rules.dialect : endpoint.dialect ?? rules.dialect),
            limits: rules.limits)
        var operation: JSONObject = [
            "operationId": .string(id), "summary": .string(contract.summary),
        ]
        let aliases = endpoint.paths.dropFirst()
        if !aliases.isEmpty {
            operation["description"] = .string("Also at \(aliases.joined(separator: ", ")).")
        }
        let parameters = parameters(endpoint, contract, rules)
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if let request = contract.request {
            schemas[id + "Request"] = .object(request.schema(rules))
            operation["requestBody"] = [
                "required": true, "content": Self.json(Self.reference(id + "Request")),
            ]
        }
        if let form = contract.form {
            schemas[id + "Request"] = .object(form.schema(rules))
            operation["requestBody"] = [
                "required": true,
                "content": ["multipart/form-data": ["schema": Self.reference(id + "Request")]],
            ]
        }
        operation["responses"] = .object(responses(endpoint, contract, rules, &schemas))
        let schemes: [JSONValue] = [["bearer": []], ["x-api-key": []], ["api-key": []]]
        operation["security"] = .array(needsKey && !endpoint.isOpen ? schemes : [])
        return operation
    }

    private func parameters(
        _ endpoint: Endpoint, _ contract: EndpointContract, _ rules: FieldRules
    ) -> [JSONValue] {
        var parameters: [JSONValue] = []
        if let name = endpoint.parameter {
            parameters.append([
                "name": .string(name), "in": "path", "required": true,
                "schema": ["type": "string", "minLength": 1],
            ])
        }
        for field in contract.query?.declarations ?? [] {
            parameters.append([
                "name": .string(field.name), "in": "query", "required": .bool(field.isRequired),
                "description": .string(field.help), "schema": .object(field.kind.schema(rules)),
            ])
        }
        return parameters
    }

    // MARK: Answers

    private func responses(
        _ endpoint: Endpoint, _ contract: EndpointContract, _ rules: FieldRules,
        _ schemas: inout JSONObject
    ) -> JSONObject {
        let id = endpoint.operationID
        var content: JSONObject?
        switch contract.answer {
        case .text(let type): content = [type: Self.text(type)]
        case .json(let kind):
            schemas[id + "Answer"] = .object(kind.schema(rules, isAnswer: true))
            content = Self.json(Self.reference(id + "Answer")).objectValue
        case .nothing: content = nil
        }
        for type in contract.otherTypes { content?[type] = Self.text(type) }
        if let events = contract.events {
            schemas[id + "Event"] = .object(events.schema(rules, isAnswer: true))
            var stream = Self.text(contract.streamType).objectValue ?? [:]
            stream["x-event-data"] = Self.reference(id + "Event")
            content?[contract.streamType] = .object(stream)
        }
        var responses = JSONObject()
        if let content { responses["200"] = Self.response("The answer.", .object(content)) }
        for (status, meaning) in contract.bareStatuses.sorted(by: { $0.key < $1.key }) {
            responses[String(status)] = Self.response(meaning, nil)
        }
        for (status, shapes) in errors(endpoint).sorted(by: { $0.key < $1.key }) {
            for shape in shapes {
                schemas[shape.name] = .object(shape.kind.schema(rules, isAnswer: true))
            }
            let references = shapes.map { Self.reference($0.name) }
            let schema = references.count == 1 ? references[0] : ["anyOf": .array(references)]
            responses[String(status)] = Self.response(
                APIError.meaning(of: status), Self.json(schema))
        }
        for status in contract.otherStatuses {
            guard let content else { break }
            responses[String(status)] = Self.response("The answer.", .object(content))
        }
        return responses
    }

    /// The shapes of errors, by their statuses.
    private func errors(_ endpoint: Endpoint) -> [Int: [ErrorSchema]] {
        var statuses: [Int: [ErrorSchema]] = [:]
        let dialects =
            endpoint.keptDialect.map { [$0] } ?? (isForced ? [rules.dialect] : Dialect.allCases)
        for dialect in dialects {
            for status in APIError.statuses(
                in: dialect, hasBody: endpoint.contract?.request != nil,
                hasQuery: endpoint.contract?.query != nil,
                hasParameter: endpoint.parameter != nil,
                storesFiles: endpoint.contract?.changesJobs == true && endpoint.method != .get)
            {
                statuses[status, default: []].append(dialect.errors.schema)
            }
        }
        return statuses
    }

    private static func response(_ description: String, _ content: JSONValue?) -> JSONValue {
        var response: JSONObject = [
            "description": .string(description),
            "headers": [
                "x-request-id": [
                    "description": "The identity of the request in the server's log.",
                    "schema": ["type": "string"],
                ]
            ],
        ]
        response["content"] = content
        return .object(response)
    }

    /// A body of text.
    ///
    /// A schema beside a stream of events would be read as that of each of them.
    private static func text(_ type: String) -> JSONValue {
        type == "text/event-stream" ? [:] : ["schema": ["type": "string"]]
    }

    private static func json(_ schema: JSONValue) -> JSONValue {
        ["application/json": ["schema": schema]]
    }

    private static func reference(_ name: String) -> JSONValue {
        ["$ref": .string("#/components/schemas/" + name)]
    }
}

extension Endpoint {
    /// A name of the operation that is unique: `postChatCompletions`.
    fileprivate var operationID: String {
        let words = name.split { !$0.isLetter && !$0.isNumber }.filter { $0 != "v1" }
            .flatMap { $0.split(separator: "_") }
        return method.rawValue.lowercased()
            + (words.isEmpty
                ? "Root" : words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined())
    }

    /// The dialect in which it always answers.
    fileprivate var keptDialect: Dialect? {
        dialect.flatMap { $0.keepsItsRoutes ? $0 : nil }
    }

    /// The name of the parameter in the path.
    fileprivate var parameter: String? {
        guard let open = name.firstIndex(of: "{"), let close = name.firstIndex(of: "}") else {
            return nil
        }
        return String(name[name.index(after: open)..<close])
    }
}
