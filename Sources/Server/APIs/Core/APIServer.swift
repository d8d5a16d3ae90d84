// SPDX-License-Identifier: Apache-2.0

package import Access
import Generation
package import HTTP
package import HTTPTypes
import JSON
package import Jobs
package import Logging
package import Serving
package import Storage
package import Telemetry
package import Tracing

/// Answers the requests of all vendors' APIs with the models of a server.
///
/// A request walks straight down: ``handle(_:)`` reads its head and admits it, the route table
/// says which endpoint answers, the family reads the body into a plan, and `GeneratedResponse`
/// hands that to the engine and writes what comes of it.
package struct APIServer: Sendable {
    private let backend: Backend
    private let metrics: RequestMetrics
    private let logger: Logger
    private let tracer: (any Tracer)?
    private let workers = RequestWorkers()
    private let authenticator: Authenticator

    private var configuration: Configuration { backend.configuration }

    /// Creates a server, which answers `503` until there are models.
    ///
    /// - Parameters:
    ///   - models: what answers.
    ///   - configuration: limits and keys.
    ///   - access: who may enter besides; nil for nobody, or for everybody where there are no keys.
    ///   - storage: where responses are kept that clients may come back to; nil to keep none.
    ///   - files: where files are kept; nil to keep none.
    ///   - batches: the batches of clients, on those files; nil to take none.
    ///   - registry: where requests are counted, and what `/metrics` shows.
    ///   - tracer: records what requests do; nil for nobody.
    ///   - unixTime: the seconds since 1970.
    ///   - logger: receives one line for each failure of the server.
    package init(
        models: ModelRegistry, configuration: Configuration = .init(),
        access: AccessControl? = nil, storage: RecordStore? = nil, files: FileStore? = nil,
        batches: BatchStore? = nil,
        registry: MetricsRegistry = MetricsRegistry(),
        tracer: (any Tracer)? = nil,
        unixTime: @escaping @Sendable () -> Int,
        logger: Logger = Logger(label: "cierzo.api")
    ) {
        authenticator = Authenticator(keys: configuration.keys, access: access)
        backend = Backend(
            configuration: configuration, needsKey: authenticator.isRequired, access: access,
            models: models, storage: storage, files: files, batches: batches,
            registry: registry,
            unixTime: unixTime)
        metrics = RequestMetrics(registry: registry)
        self.logger = logger
        self.tracer = tracer
    }

    /// Ends the streams that would go on as long as the server does.
    package func endWatching() { backend.machine.end() }

    /// Answers a request; every error has become a response.
    package func handle(_ request: ServerRequest) async -> ServerResponse {
        // What took the body has read the head, too.
        if let upload = request.sink as? ArrivingUpload { return await upload.finish() }
        let route = Route(path: request.head.path ?? "/")
        var context = context(of: request.head, route)
        context.address = request.remoteAddress
        context.path = (request.head.path ?? "/").prefix { $0 != "?" && $0 != "#" }
        let response: ServerResponse
        do throws(APIError) {
            if let preflight = try preflight(request.head, route) {
                return finish(ServerResponse(head: preflight, body: .bytes([])), context)
            }
            if needsKey(request.head, route) {
                context.caller = try await authenticator.caller(request.head.headerFields)
            }
            if let endpoint = route.endpoint(for: request.head.method) {
                context.account(for: endpoint)
            }
            if let endpoint = try admit(request.head, route, context.caller) {
                if endpoint.isCounted { try context.enter() }
                response = try await answer(request, endpoint, route, &context)
                // Streams do so themselves, before they end.
                if case .bytes = response.body {
                    await context.record.commit(status: response.head.status.code)
                }
            } else {
                response = Self.options(route)
            }
        } catch {
            response = refusal(error, context)
        }
        return finish(response, context)
    }

    private func refusal(_ error: APIError, _ context: RequestContext) -> ServerResponse {
        if Task.isCancelled {
            context.record.end(status: RequestRecord.clientClosedRequest, isAbandoned: true)
        } else {
            count(error, context)
        }
        var refusal = ServerResponse(error, in: context)
        if case .overloaded(let seconds) = error, let limit = configuration.requestCapacity {
            RateFields(limit: limit, remaining: 0, reset: .seconds(seconds))
                .add(to: &refusal.head.headerFields)
        }
        return refusal
    }

    /// Says where the body of a request goes that has been admitted.
    ///
    /// What is too large for memory is taken as it arrives, once it is known whose it is.
    package func intake(_ arrival: ArrivingRequest) async -> BodyIntake {
        let route = Route(path: arrival.head.path ?? "/")
        guard let endpoint = route.endpoint(for: arrival.head.method),
            case .toUpload(let begin) = endpoint.answer
        else { return .memory }
        var context = context(of: arrival.head, route)
        context.address = arrival.remoteAddress
        do throws(APIError) {
            if needsKey(arrival.head, route) {
                context.caller = try await authenticator.caller(arrival.head.headerFields)
            }
            context.account(for: endpoint)
            _ = try admit(arrival.head, route, context.caller)
            let upload = try await begin(arrival.head.headerFields, context)
            return .sink(
                ArrivingUpload(upload) { [context] result in
                    switch result {
                    case .success(let response):
                        await context.record.commit(status: response.head.status.code)
                        return finish(response, context)
                    case .failure(let error): return finish(refusal(error, context), context)
                    }
                })
        } catch {
            return .refused(finish(refusal(error, context), context))
        }
    }

    /// Answers a line of a batch, as its key asks for it.
    ///
    /// - Parameter task: the line.
    /// - Returns: its answer, or why there is none.
    package func answer(_ task: BatchTask) async -> BatchAnswer {
        let order = task.batch.order
        let place = BatchPlace(task.index, of: task.batch.id, at: task.batch.createdAt)
        let path = "/\(order.dialect)\(order.endpoint)"
        var fields = HTTPFields()
        fields[name: "x-request-id"] = place.identity
        let request = ServerRequest(
            head: HTTPRequest(
                method: .post, scheme: nil, authority: nil, path: path, headerFields: fields),
            body: JSONValue.object(task.body).serializedBytes())
        let route = Route(path: path)
        guard let endpoint = route.endpoint(for: .post) else {
            return .refused(reason: "\(order.endpoint) is no endpoint any more.")
        }
        var context = context(of: request.head, route)
        context.place = place
        var response: ServerResponse
        var isAnswered = false
        do throws(APIError) {
            guard let caller = try authenticator.caller(id: order.keyID) else {
                return .refused(
                    reason: "The key that has asked for this batch opens nothing any more.")
            }
            context.caller = caller
            guard caller.allows(.batches) else {
                return .refused(reason: Self.refusal(of: .batches, caller))
            }
            if let family = endpoint.family, !caller.allows(family) {
                return .refused(reason: Self.refusal(of: family, caller))
            }
            context.account(for: endpoint)
            try context.enter()
            response = try await answer(request, endpoint, route, &context)
            isAnswered = true
        } catch {
            if let delay = error.retryAfterSeconds, !Task.isCancelled {
                // Only the try that is answered counts.
                context.record.withdraw()
                context.record.end(status: error.status(in: context.dialect))
                return .later(.seconds(delay))
            }
            if !Task.isCancelled { count(error, context) }
            response = ServerResponse(error, in: context)
        }
        // What came of a line that was given up may be a part of its answer.
        if Task.isCancelled {
            if task.comesAgain() { context.record.withdraw() }
            context.record.end(status: RequestRecord.clientClosedRequest, isAbandoned: true)
            return .stopped
        }
        // What is counted is kept from here on, whatever stops.
        if isAnswered { await context.record.commit(status: response.head.status.code) }
        guard case .bytes(let body) = finish(response, context).body else {
            return .refused(reason: "\(order.endpoint) answers with a stream.")
        }
        let consumed = context.record.usage
        var usage = BatchUsage()
        usage.promptTokens = consumed.promptTokens
        usage.cachedTokens = consumed.cachedPromptTokens
        usage.completionTokens = consumed.completionTokens
        usage.thinkingTokens = consumed.thinkingTokens
        return .answered(
            status: response.head.status.code, id: context.id, body: body, usage: usage)
    }

    /// Says what is wrong with the model of lines of a batch, before any of them is answered.
    ///
    /// - Parameters:
    ///   - batch: the batch.
    ///   - name: the model's name; nil for the default one.
    /// - Returns: what is wrong, if anything is.
    package func judge(_ batch: StoredBatch, _ name: String?) -> BatchFault? {
        do throws(APIError) {
            let model = try backend.model(named: name)
            guard let caller = try authenticator.caller(id: batch.order.keyID),
                !caller.limits.allowsModel(model.description.isNamed)
            else { return nil }
            throw .forbidden(reason: "The key '\(caller.name)' is not for this model.")
        } catch {
            // One that is being loaded is no fault of the line.
            guard error.retryAfterSeconds == nil else { return nil }
            return BatchFault("model_not_found", "body.model: \(error)", "body.model")
        }
    }

    /// Looks at a request before its body is read, so that nobody without a key can make the
    /// server hold one.
    ///
    /// - Returns: the refusal, or nil if ``handle(_:)`` is to answer.
    package func admit(_ arrival: ArrivingRequest) -> ServerResponse? {
        let route = Route(path: arrival.head.path ?? "/")
        var known = Caller.anybody
        do throws(APIError) {
            if try preflight(arrival.head, route) != nil { return nil }
            // Where it is not known yet who asks, the file has most probably made the key.
            if let caller = try sighted(arrival.head, route) {
                known = caller
                let endpoint = try admit(arrival.head, route, caller)
                if endpoint?.isCounted == true, let refusal = backend.access?.refusal(of: caller) {
                    throw .limited(refusal)
                }
            }
            if arrival.isOverLimit, !route.isOpen(for: arrival.head.method) {
                throw .unavailable(reason: "The server has too many connections; try again.")
            }
            return nil
        } catch {
            var context = context(of: arrival.head, route)
            context.caller = known
            context.address = arrival.remoteAddress
            // Who is known, and asks for what he may not, does so on record; who asks too often could
            // fill a disk with that.
            if case .forbidden = error, known.number != 0,
                let endpoint = route.endpoint(for: arrival.head.method)
            {
                context.account(for: endpoint)
            }
            count(error, context)
            return finish(ServerResponse(error, in: context), context)
        }
    }

    /// What a client is told whose request never became one, such as a body that is too large.
    ///
    /// - Parameters:
    ///   - status: the status.
    ///   - reason: one sentence.
    ///   - head: the request's header, if that could be read.
    /// - Returns: an error in the shape of the client's API.
    package func refusal(
        _ status: HTTPResponse.Status, _ reason: String, _ head: HTTPRequest?
    ) -> ServerResponse {
        let route = Route(path: head?.path ?? "/")
        let dialect = route.dialect(for: head?.headerFields ?? [:]) ?? configuration.defaultDialect
        let id = RequestContext.requestID(head?.headerFields ?? [:])
        var response = ServerResponse(
            json: dialect.errors.refusal(reason, status.code, id), status: status)
        response.head.headerFields[name: "x-request-id"] = id
        response.head.headerFields[name: "request-id"] = id
        if let head {
            for (name, value) in configuration.browsers.fields(for: head) {
                response.head.headerFields[name: name] = value
            }
        }
        return response
    }

    /// What is known of a request from its header.
    private func context(of head: HTTPRequest, _ route: Route) -> RequestContext {
        let id = RequestContext.requestID(head.headerFields)
        var trace = TraceContext(continuing: head.headerFields)
        var requestTrace: RequestTrace?
        // Probes and scrapes would begin a trace every few seconds.
        if let tracer, trace?.isRecorded ?? (head.method == .post) {
            let span = RequestTrace(
                tracer, name: route.name(for: head.method), id: id, method: head.method.rawValue,
                below: trace?.parentPlace)
            if let place = span.place { trace = TraceContext(recordedAt: place) }
            requestTrace = span
        }
        return RequestContext(
            backend: backend, id: id, trace: trace, parameter: route.parameter,
            query: (head.path ?? "").drop { $0 != "?" }.dropFirst(),
            agent: head.headerFields[.userAgent] ?? "",
            browserFields: configuration.browsers.fields(for: head),
            dialect: route.dialect(for: head.headerFields) ?? configuration.defaultDialect,
            isDialectForced: route.forcedDialect != nil,
            allowsTokenInput: RequestContext.allowsTokenInput(head.headerFields),
            record: RequestRecord(
                id: id, trace: trace, route: route.name(for: head.method), metrics: metrics,
                roster: backend.roster, span: requestTrace, logger: logger))
    }

    /// Whether a request cannot be answered without knowing who asks.
    private func needsKey(_ head: HTTPRequest, _ route: Route) -> Bool {
        backend.needsKey && !route.isOpen(for: head.method) && head.method != .options
    }

    /// Who asks, as far as that is known at once.
    private func sighted(_ head: HTTPRequest, _ route: Route) throws(APIError) -> Caller? {
        guard needsKey(head, route) else { return .anybody }
        guard case .known(let caller) = try authenticator.sight(head.headerFields) else {
            return nil
        }
        return caller
    }

    /// Checks the host, and answers a browser that asks for a page.
    ///
    /// The path need not exist, so that the page gets to read the error.
    private func preflight(
        _ head: HTTPRequest, _ route: Route
    ) throws(APIError) -> HTTPResponse? {
        if !backend.needsKey { try configuration.browsers.checkHost(head) }
        return configuration.browsers.preflight(
            head, allowedMethods: route.endpoints.isEmpty ? nil : route.allowedMethods)
    }

    /// Checks route, method, family and origin; the host and the key have been checked.
    ///
    /// - Returns: what is to answer; nil where the client asks which methods there are.
    private func admit(
        _ head: HTTPRequest, _ route: Route, _ caller: Caller
    ) throws(APIError) -> Endpoint? {
        let method = head.method
        if route.endpoints.isEmpty { throw route.absence(method) }
        let endpoint = route.endpoint(for: method)
        if endpoint == nil, method != .options {
            // As OpenAI's clients ask for responses when they are told to.
            if head.headerFields[name: "upgrade"]?.lowercased() == "websocket" {
                throw .unbuilt(
                    "\(route.name(for: method)) as a WebSocket",
                    instead: "use POST, with stream: true for events as they come")
            }
            throw .methodNotAllowed(allowed: route.allowedMethods)
        }
        if let family = endpoint?.family, !caller.allows(family) {
            throw .forbidden(reason: Self.refusal(of: family, caller))
        }
        if !backend.needsKey {
            let isOperators = endpoint?.family == .operation || endpoint?.family == .admin
            try configuration.browsers.checkOrigin(
                head, takesForm: endpoint?.contract?.form != nil, asksForWork: isOperators)
        }
        return endpoint
    }

    private static func refusal(of family: AccessFamily, _ caller: Caller) -> String {
        switch family {
        case .admin, .operation: "The key '\(caller.name)' is not an operator's (admin)."
        default:
            "The key '\(caller.name)' is not for the API's family \(family.rawValue), but for "
                + (caller.limits.families?.map(\.rawValue).joined(separator: ", ") ?? "others")
                + "."
        }
    }

    private static func options(_ route: Route) -> ServerResponse {
        var response = ServerResponse(head: HTTPResponse(status: .noContent), body: .bytes([]))
        response.head.headerFields[.allow] = route.allowedMethods.joined(separator: ", ")
        return response
    }

    private func answer(
        _ request: ServerRequest, _ endpoint: Endpoint, _ route: Route,
        _ context: inout RequestContext
    ) async throws(APIError) -> ServerResponse {
        switch endpoint.answer {
        case .toHead(let answer): return try answer(context)
        case .toFields(let answer): return try answer(request.head.headerFields, context)
        case .later(let answer): return try await answer(context)
        case .toUpload(let begin):
            // The body is in memory, where nobody asked where it should go.
            let upload = try await begin(request.head.headerFields, context)
            try await upload.take(request.takeBody())
            return try await upload.finish()
        case .toBody(let read):
            let isFixed = route.dialect(for: request.head.headerFields) != nil
            let (dialect, plan) = try await plan(request, read, isFixed: isFixed, context)
            context.dialect = dialect
            switch try plan.get() {
            case .response(let response): return response
            case .later(let answer): return try await answer(context)
            case .generation(let plan):
                return try await GeneratedResponse(
                    workers: workers, logger: logger, context: context
                ).make(plan)
            case .embedding(let plan):
                return try await GeneratedResponse(
                    workers: workers, logger: logger, context: context
                ).make(plan)
            case .json(let compute):
                return try await GeneratedResponse(
                    workers: workers, logger: logger, context: context
                ).make(compute)
            }
        }
    }

    /// What is to be answered, and in which dialect: all work that grows with the body.
    ///
    /// The body and all that was read of it are gone afterwards, but for what the plan holds.
    private func plan(
        _ request: ServerRequest,
        _ read: @escaping @Sendable (JSONObject, RequestContext) throws(APIError) -> RequestPlan,
        isFixed: Bool, _ context: RequestContext
    ) async throws(APIError) -> (dialect: Dialect, plan: Result<RequestPlan, APIError>) {
        let byteCount = request.body.count
        // Workers are no tasks, so that they would not find it themselves.
        let ledger = FieldLedger.current
        return try await workers.run(byteCount, for: context.client) { () throws(APIError) in
            // What is kept of it counts against the memory for bodies until it is written.
            let isKept = context.record.trail?.keepsContent ?? false
            let body = try Self.parse(isKept ? request.body : request.takeBody())
            context.record.trail?.read(body)
            var context = context
            if !isFixed, let dialect = Dialect.spoken(in: body) { context.dialect = dialect }
            context.record.trail?.asked(AuditedContent.Asked(request, context))
            do throws(APIError) {
                let plan = try FieldLedger.noting(in: ledger) { () throws(APIError) in
                    try read(body, context)
                }
                return (context.dialect, .success(plan))
            } catch {
                return (context.dialect, .failure(error))
            }
        }
    }

    /// The object of a body.
    static func parse(_ bytes: [UInt8]) throws(APIError) -> JSONObject {
        let value: JSONValue
        do {
            // As many token ids as a context of 2^20 holds; each value takes up to 250 bytes.
            value = try JSONParser.parse(
                bytes,
                limits: .init(
                    maxDepth: 64, maxValues: (1 << 20) + (1 << 16), replacesLoneSurrogates: true,
                    skipsByteOrderMark: true, keepsDigits: true))
        } catch {
            throw .invalidRequest(
                UnwritableNumber.error(in: bytes, at: error.offset)
                    ?? .malformed(reason: EchoableText.sentence(error.description)))
        }
        guard case .object(let object) = value else {
            throw .invalidRequest(.malformed(reason: "found \(value.kindName)"))
        }
        return object
    }

    private func count(_ error: APIError, _ context: RequestContext) {
        switch error {
        case .unauthorized: tally(.unknownKey, context)
        case .invalidToken: tally(.invalidToken, context)
        case .overloaded: metrics.refused(.overloaded)
        case .limited:
            metrics.refused(.limited, key: context.record.key)
            tally(.limited, context)
        case .tooLate: metrics.refused(.tooLate)
        case .unavailable: metrics.refused(.unavailable)
        case .failed(let reason):
            logger.error("request failed: \(reason)", metadata: ["request": "\(context.id)"])
        default: break
        }
    }

    /// Has a request counted that came to nothing, in place of a record of its own.
    private func tally(_ reason: RefusalTally.Reason, _ context: RequestContext) {
        guard let refusals = backend.access?.refusals else { return }
        context.record.dropTrail()
        refusals.count(
            reason, of: reason == .limited ? context.caller : nil, from: context.address)
    }

    /// Adds what every response carries, and counts it when it has been sent.
    private func finish(_ response: ServerResponse, _ context: RequestContext) -> ServerResponse {
        var response = response
        for (name, value) in context.browserFields {
            let own = name == "vary" ? response.head.headerFields[.vary] : nil
            response.head.headerFields[name: name] = own.map { "\($0), \(value)" } ?? value
        }
        response.head.headerFields[name: "x-request-id"] = context.id
        // Anthropic's name for it.
        response.head.headerFields[name: "request-id"] = context.id
        response.head.headerFields[name: "x-api-dialect"] = context.dialect.name
        response.head.headerFields[name: "traceparent"] = context.trace?.parent
        if let place = context.record.place {
            if let rate = rate(place.estimatedWait) { rate.add(to: &response.head.headerFields) }
            let wait = Int(place.estimatedWait / .milliseconds(1))
            response.head.headerFields[name: "x-queue-position"] = String(place.position)
            response.head.headerFields[name: "x-estimated-start-ms"] = String(wait)
        }
        let status = response.head.status.code
        let record = context.record
        var isStream = false
        if case .stream = response.body { isStream = true }
        // What is left after it, where it has ended.
        if !isStream { record.settle() }
        if let report = backend.access?.report(of: context.caller), !report.isEmpty {
            report.add(to: &response.head.headerFields, unixTime: backend.unixTime())
        }
        // Of a stream, the time until it began.
        let milliseconds = Int(record.elapsed / .milliseconds(1))
        response.head.headerFields[name: "openai-processing-ms"] = String(milliseconds)
        response.head.headerFields[name: "server-timing"] = record.timing
        guard case .stream(let produce) = response.body else {
            if let count = record.tokenCount {
                response.head.headerFields[name: "x-ratelimit-tokens-query-cost"] = String(count)
            }
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

    /// How many requests there is room for; nil where the limit is not known.
    private func rate(_ wait: Duration) -> RateFields? {
        guard let capacity = configuration.requestCapacity, let engine = backend.models.statistics
        else { return nil }
        // Each model has a queue of its own, and the statistics are of all of them.
        let engines = backend.models.slots.filter { slot in
            if case .serving = slot.state { true } else { false }
        }
        let limit = capacity * max(1, engines.count)
        let busy = engine.runningForeground + engine.waitingForeground
        return RateFields(limit: limit, remaining: max(0, limit - busy), reset: wait)
    }
}
