// SPDX-License-Identifier: Apache-2.0

import Generation
package import HTTP
import HTTPTypes
import JSON
package import Logging
package import Serving
package import Telemetry

/// Answers the requests of OpenAI's and Mistral's APIs with one model.
package struct APIServer: Sendable {
    let configuration: Configuration
    let models: ModelRegistry
    let registry: MetricsRegistry
    let metrics: RequestMetrics
    let unixTime: @Sendable () -> Int
    let logger: Logger
    let workers = RequestWorkers()

    /// Creates a server, which answers `503` until there are models.
    ///
    /// - Parameters:
    ///   - models: what answers.
    ///   - configuration: limits and keys.
    ///   - registry: where requests are counted, and what `/metrics` shows.
    ///   - unixTime: the seconds since 1970.
    ///   - logger: receives one line for each failure of the server.
    package init(
        models: ModelRegistry, configuration: Configuration = .init(),
        registry: MetricsRegistry = MetricsRegistry(),
        unixTime: @escaping @Sendable () -> Int,
        logger: Logger = Logger(label: "cierzo.api")
    ) {
        self.models = models
        self.configuration = configuration
        self.registry = registry
        metrics = RequestMetrics(registry: registry)
        self.unixTime = unixTime
        self.logger = logger
    }

    /// Answers a request; every error has become a response.
    package func handle(_ request: ServerRequest) async -> ServerResponse {
        let route = Route(path: request.head.path ?? "/")
        let fixedDialect = route.dialect(for: request.head.headerFields)
        var context = context(of: request.head, route)
        let response: ServerResponse
        do throws(APIError) {
            if let preflight = try preflight(request.head, route) {
                return finish(ServerResponse(head: preflight, body: .bytes([])), context)
            }
            let endpoint = try admit(request.head, route, as: &context.client)
            if request.head.method == .options {
                response = Self.options(endpoint)
            } else {
                let prepared = try await prepare(endpoint, request, fixedDialect, context)
                context.dialect = prepared.dialect
                response = try await answer(try prepared.plan.get(), context)
            }
        } catch {
            if Task.isCancelled {
                context.record.end(status: RequestRecord.clientClosedRequest, isAbandoned: true)
            } else {
                count(error, context)
            }
            response = ServerResponse(error, in: context.dialect)
        }
        return finish(response, context)
    }

    /// What is known of a request from its header.
    func context(of head: HTTPRequest, _ route: Route) -> RequestContext {
        let id = RequestContext.requestID(head.headerFields)
        let dialect = route.dialect(for: head.headerFields)
        return RequestContext(
            id: id, browserFields: configuration.browsers.fields(for: head),
            dialect: dialect ?? configuration.defaultDialect,
            record: RequestRecord(
                id: id, route: route.endpoint?.name ?? "unknown", metrics: metrics,
                logger: logger))
    }

    /// Checks key, route, method and origin; the host has been checked.
    func admit(
        _ head: HTTPRequest, _ route: Route, as client: inout Int
    ) throws(APIError) -> Endpoint {
        let method = head.method
        if route.endpoint?.isOpen != true, method != .options {
            guard let known = configuration.keys.client(of: head.headerFields) else {
                throw .unauthorized
            }
            client = known
        }
        guard let endpoint = route.endpoint else {
            throw route.absence(method.rawValue)
        }
        let isAllowed =
            method == endpoint.method || method == .options
            || (method == .head && endpoint.method == .get)
        if !isAllowed { throw .methodNotAllowed(allowed: endpoint.allowedMethods) }
        if !configuration.keys.isRequired { try configuration.browsers.checkOrigin(head) }
        return endpoint
    }

    /// What is to be answered, and in which dialect: all work that grows with the body.
    ///
    /// The body and all that was read of it are gone afterwards, but for what the plan holds.
    private func prepare(
        _ endpoint: Endpoint, _ request: ServerRequest, _ fixedDialect: Dialect?,
        _ context: RequestContext
    ) async throws(APIError) -> (dialect: Dialect, plan: Result<RequestPlan, APIError>) {
        guard endpoint.method == .post else {
            return (context.dialect, .success(.response(try answer(endpoint, context))))
        }
        let byteCount = request.body.count
        return try await workers.run(byteCount, for: context.client) { () throws(APIError) in
            let body = try Self.parse(request.takeBody())
            let dialect = fixedDialect ?? Dialect.spoken(in: body) ?? context.dialect
            do throws(APIError) {
                return (dialect, .success(try plan(endpoint, body, dialect)))
            } catch {
                return (dialect, .failure(error))
            }
        }
    }

    private static func parse(_ bytes: [UInt8]) throws(APIError) -> JSONObject {
        let value: JSONValue
        do {
            // As many token ids as a context of 2^20 holds; each value takes up to 250 bytes.
            value = try JSONParser.parse(
                bytes,
                limits: .init(
                    maxDepth: 64, maxValues: (1 << 20) + (1 << 16), replacesLoneSurrogates: true,
                    skipsByteOrderMark: true))
        } catch {
            throw .invalidRequest(.malformed(reason: EchoableText.sentence(error.description)))
        }
        guard case .object(let object) = value else {
            throw .invalidRequest(.malformed(reason: "found \(value.kindName)"))
        }
        return object
    }

    private func plan(
        _ endpoint: Endpoint, _ body: JSONObject, _ dialect: Dialect
    ) throws(APIError) -> RequestPlan {
        switch endpoint {
        case .chatCompletions: .chat(try chatCompletion(body, dialect))
        case .completions: .text(try textCompletion(body, dialect))
        case .fimCompletions: .chat(try fimCompletion(body, dialect))
        case .chatInputTokens: .response(try inputTokens(body))
        case .tokenize: .response(try tokenize(body))
        case .detokenize: .response(try detokenize(body))
        case .models, .model, .tokenizerInfo, .ready, .live, .root, .version, .metrics:
            throw .methodNotAllowed(allowed: endpoint.allowedMethods)
        }
    }

    /// The answer of an endpoint that needs no body.
    private func answer(
        _ endpoint: Endpoint, _ context: RequestContext
    ) throws(APIError) -> ServerResponse {
        switch endpoint {
        case .tokenizerInfo: try tokenizerInfo()
        case .models: modelList()
        case .model(let id): model(id, context)
        case .ready: ready()
        case .live: ServerResponse(json: ["status": "ok"])
        case .root: root()
        case .version: ServerResponse(json: ["version": .string(configuration.version)])
        case .metrics: exposition()
        case .chatCompletions, .completions, .fimCompletions, .chatInputTokens, .tokenize,
            .detokenize:
            throw .methodNotAllowed(allowed: endpoint.allowedMethods)
        }
    }

    private func answer(
        _ plan: RequestPlan, _ context: RequestContext
    ) async throws(APIError) -> ServerResponse {
        switch plan {
        case .chat(let plan): try await answer(plan, context)
        case .text(let plan): try await answer(plan, context)
        case .response(let response): response
        }
    }

    /// `GET /`: what this is, for whoever opens it in a browser or probes it.
    private func root() -> ServerResponse {
        let text = """
            Cierzo \(configuration.version): an inference server that speaks the OpenAI and the \
            Mistral HTTP API.

            The API is below /v1 (POST /v1/chat/completions, /v1/completions; GET /v1/models): give
            clients this address with /v1 as their base URL. GET /health says whether it can answer.

            """
        return ServerResponse(
            status: .ok, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
    }

    private static func options(_ endpoint: Endpoint) -> ServerResponse {
        var response = ServerResponse(head: HTTPResponse(status: .noContent), body: .bytes([]))
        response.head.headerFields[.allow] = endpoint.allowedMethods.joined(separator: ", ")
        return response
    }

    func count(_ error: APIError, _ context: RequestContext) {
        switch error {
        case .overloaded: metrics.refused(reason: "overloaded")
        case .tooLate: metrics.refused(reason: "too_late")
        case .unavailable: metrics.refused(reason: "unavailable")
        case .failed(let reason):
            logger.error("request failed: \(reason)", metadata: ["request": "\(context.id)"])
        default: break
        }
    }

    /// Adds what every response carries, and counts it when it has been sent.
    func finish(_ response: ServerResponse, _ context: RequestContext) -> ServerResponse {
        var response = response
        for (name, value) in context.browserFields {
            response.head.headerFields[name: name] = value
        }
        response.head.headerFields[name: "x-request-id"] = context.id
        response.head.headerFields[name: "x-api-dialect"] = context.dialect.name
        if let place = context.record.place {
            let wait = Int(place.estimatedWait / .milliseconds(1))
            response.head.headerFields[name: "x-queue-position"] = String(place.position)
            response.head.headerFields[name: "x-estimated-start-ms"] = String(wait)
        }
        let status = response.head.status.code
        let record = context.record
        guard case .stream(let produce) = response.body else {
            let milliseconds = Int(record.elapsed / .milliseconds(1))
            response.head.headerFields[name: "openai-processing-ms"] = String(milliseconds)
            record.end(status: status)
            return response
        }
        response.body = .stream { writer in
            do {
                try await produce(writer)
                record.end(status: status)
            } catch {
                record.end(status: status, isAbandoned: true)
                throw error
            }
        }
        return response
    }
}
