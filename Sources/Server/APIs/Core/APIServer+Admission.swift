// SPDX-License-Identifier: Apache-2.0

package import HTTP
package import HTTPTypes

extension APIServer {
    /// Looks at a request before its body is read, so that nobody without a key can make the
    /// server hold one.
    ///
    /// - Returns: the refusal, or nil if ``handle(_:)`` is to answer.
    package func admit(_ arrival: ArrivingRequest) -> ServerResponse? {
        let route = Route(path: arrival.head.path ?? "/")
        var client = 0
        do throws(APIError) {
            if try preflight(arrival.head, route) != nil { return nil }
            let endpoint = try admit(arrival.head, route, as: &client)
            if arrival.isOverLimit, !endpoint.isOpen {
                throw .unavailable(reason: "The server has too many connections; try again.")
            }
            return nil
        } catch {
            let context = context(of: arrival.head, route)
            count(error, context)
            return finish(ServerResponse(error, in: context.dialect), context)
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
        let type = status.code < 500 ? "invalid_request_error" : "server_error"
        var response = ServerResponse(json: dialect.errors.refusal(reason, type), status: status)
        if let head {
            for (name, value) in configuration.browsers.fields(for: head) {
                response.head.headerFields[name: name] = value
            }
        }
        return response
    }

    /// Checks the host, and answers a browser that asks for a page.
    ///
    /// The path need not exist, so that the page gets to read the error.
    func preflight(_ head: HTTPRequest, _ route: Route) throws(APIError) -> HTTPResponse? {
        if !configuration.keys.isRequired { try configuration.browsers.checkHost(head) }
        return configuration.browsers.preflight(
            head, allowedMethods: route.endpoint?.allowedMethods)
    }
}
