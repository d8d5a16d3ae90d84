// SPDX-License-Identifier: Apache-2.0

import Access
import HTTP
import HTTPTypes
import JSON

/// What answers the requests of one method to some paths.
struct Endpoint: Sendable {
    /// How it answers.
    enum Answer: Sendable {
        /// At once, from what the head says.
        case toHead(@Sendable (RequestContext) throws(APIError) -> ServerResponse)

        /// At once, from what the head says, its fields included.
        case toFields(@Sendable (HTTPFields, RequestContext) throws(APIError) -> ServerResponse)

        /// From what the head says, after a while.
        case later(@Sendable (RequestContext) async throws(APIError) -> ServerResponse)

        /// From a body that is taken as it arrives, for it may be too large for memory.
        case toUpload(@Sendable (HTTPFields, RequestContext) async throws(APIError) -> any Upload)

        /// From a body, which is read on the threads for that; what takes longer is left in a plan.
        case toBody(@Sendable (JSONObject, RequestContext) throws(APIError) -> RequestPlan)
    }

    /// The paths, its own first, then aliases; all that begin with `/v1` also answer without it.
    ///
    /// One part may be a parameter in braces, which takes in slashes, too.
    let paths: [String]

    /// The method; GET includes HEAD.
    let method: HTTPRequest.Method

    /// Whether it answers without a key.
    let isOpen: Bool

    /// Whether clients are told of it that ask for a path which does not exist.
    let isListed: Bool

    /// The dialect that only its clients speak, if they do.
    let dialect: Dialect?

    /// What it takes and gives; nil only for what the OpenAPI document does not show.
    var contract: EndpointContract?

    /// What a key must be for; nil where any will do.
    var family: AccessFamily?

    /// How it answers.
    let answer: Answer

    /// Whether its requests count against the limits of a key.
    var isCounted: Bool {
        guard case .toBody = answer else { return false }
        return family?.isCounted ?? false
    }

    /// Whether its requests are recorded: those that ask a model, change something or tell of all keys.
    var isRecorded: Bool { isCounted || family == .admin || family != nil && method != .get }

    /// The route for metrics and logs: never a client's own text.
    var name: String { paths[0] }

    /// An endpoint that shows something.
    static func get(
        _ paths: String..., isOpen: Bool = false, isListed: Bool = true, dialect: Dialect? = nil,
        contract: EndpointContract? = nil, for family: AccessFamily? = nil,
        answer: @escaping @Sendable (RequestContext) throws(APIError) -> ServerResponse
    ) -> Endpoint {
        Endpoint(
            paths: paths, method: .get, isOpen: isOpen, isListed: isListed, dialect: dialect,
            contract: contract, family: family, answer: .toHead(answer))
    }

    /// An endpoint that shows something in a form which depends on the fields of the request.
    static func get(
        _ paths: String..., isOpen: Bool, isListed: Bool, contract: EndpointContract,
        answer: @escaping @Sendable (HTTPFields, RequestContext) throws(APIError) -> ServerResponse
    ) -> Endpoint {
        Endpoint(
            paths: paths, method: .get, isOpen: isOpen, isListed: isListed, dialect: nil,
            contract: contract, answer: .toFields(answer))
    }

    /// An endpoint that shows or does something which takes long.
    static func later(
        _ paths: String..., method: HTTPRequest.Method = .get, isOpen: Bool = false,
        isListed: Bool = true, dialect: Dialect? = nil, contract: EndpointContract? = nil,
        answer: @escaping @Sendable (RequestContext) async throws(APIError) -> ServerResponse
    ) -> Endpoint {
        Endpoint(
            paths: paths, method: method, isOpen: isOpen, isListed: isListed, dialect: dialect,
            contract: contract, answer: .later(answer))
    }

    /// An endpoint that does something with what its path names.
    static func to(
        _ method: HTTPRequest.Method, _ path: String, contract: EndpointContract,
        answer: @escaping @Sendable (RequestContext) throws(APIError) -> ServerResponse
    ) -> Endpoint {
        Endpoint(
            paths: [path], method: method, isOpen: false, isListed: false, dialect: nil,
            contract: contract, answer: .toHead(answer))
    }

    /// An endpoint that takes a body as it arrives.
    static func upload(
        _ path: String, contract: EndpointContract,
        begin: @escaping @Sendable (HTTPFields, RequestContext) async throws(APIError) -> any Upload
    ) -> Endpoint {
        Endpoint(
            paths: [path], method: .post, isOpen: false, isListed: true, dialect: nil,
            contract: contract, answer: .toUpload(begin))
    }

    /// An endpoint that does something with a body of JSON.
    static func post(
        _ paths: String..., isListed: Bool = true, dialect: Dialect? = nil,
        contract: EndpointContract? = nil, for family: AccessFamily? = nil,
        answer: @escaping @Sendable (JSONObject, RequestContext) throws(APIError) -> RequestPlan
    ) -> Endpoint {
        Endpoint(
            paths: paths, method: .post, isOpen: false, isListed: isListed, dialect: dialect,
            contract: contract, family: family, answer: .toBody(answer))
    }
}

/// The endpoints of a family.
struct RouteGroup: Sendable {
    let endpoints: [Endpoint]

    /// A family.
    ///
    /// - Parameters:
    ///   - family: what a key must be for that opens it; nil where any will do.
    ///   - endpoints: those that say nothing else of that.
    init(for family: AccessFamily? = nil, _ endpoints: Endpoint...) {
        self.endpoints = endpoints.map { endpoint in
            var endpoint = endpoint
            endpoint.family = endpoint.family ?? family
            return endpoint
        }
    }
}
