// SPDX-License-Identifier: Apache-2.0

import Access
import HTTP
import HTTPTypes
import JSON
import Page

extension RouteGroup {
    /// The page for people, to everybody: what it shows it asks of the API, with its reader's key.
    static let page = RouteGroup(
        .get("/", isOpen: true, isListed: false, contract: .front) { fields, context in
            let configuration = context.backend.configuration
            let accepts = fields[values: .accept].joined(separator: ",")
            if let policy = configuration.page, accepts.contains("text/html"),
                let front = Site.embedded.front(fields: fields, policy: policy)
            {
                return front
            }
            var greeting = PageRoutes.greeting(version: configuration.version)
            if configuration.page != nil { greeting.head.headerFields[.vary] = "Accept" }
            return greeting
        },
        .get("/page/settings.json", isOpen: true, isListed: false, contract: .pageSettings) {
            _, context throws(APIError) in
            let backend = context.backend
            guard backend.configuration.page != nil else {
                throw .routeNotFound("GET /page/settings.json", nearest: nil)
            }
            return ServerResponse(json: [
                "version": .string(backend.configuration.version),
                "needs_key": .bool(backend.needsKey),
                "batch_endpoints": .array(
                    backend.has(.batches) ? BatchEndpoint.paths.map { .string($0) } : []),
            ])
        },
        .get("/page/tool-servers.json", isListed: false, contract: .toolServers) {
            context throws(APIError) in
            guard let policy = context.backend.configuration.page else {
                throw .routeNotFound("GET /page/tool-servers.json", nearest: nil)
            }
            return ServerResponse(json: [
                "tool_servers": .array(policy.toolServers.map { .string($0) })
            ])
        },
        .get("/page/{path}", isOpen: true, isListed: false, contract: .pageFile) {
            fields, context throws(APIError) in
            guard let policy = context.backend.configuration.page,
                let file = Site.embedded.response(
                    to: context.parameter, fields: fields, policy: policy)
            else {
                throw .routeNotFound(
                    "GET /page/" + EchoableText.of(context.parameter), nearest: nil)
            }
            return file
        },
        .get("/docs", isOpen: true, isListed: false, contract: .docs) {
            _, context throws(APIError) in
            guard context.backend.configuration.page != nil else {
                throw .routeNotFound("GET /docs", nearest: nil)
            }
            // Relative, for whoever has put the server below a path of another one; a slash at the
            // end makes it one folder more.
            let depth = context.path.count { $0 == "/" } - 1
            let root = depth > 0 ? String(repeating: "../", count: depth) : "./"
            return ServerResponse(
                head: HTTPResponse(status: .found, headerFields: [.location: root + "#/docs"]),
                body: .bytes([]))
        })
}

private enum PageRoutes {
    /// `GET /`: what this is, to whoever is no browser.
    static func greeting(version: String) -> ServerResponse {
        let text = """
            Cierzo \(version): an inference server that speaks the OpenAI, the Mistral, the \
            Anthropic and the Ollama HTTP API.

            The API is below /v1 (POST /v1/chat/completions, /v1/completions; GET /v1/models): give
            clients this address with /v1 as their base URL. GET /health says whether it can answer.

            """
        return ServerResponse(
            status: .ok, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
    }
}

extension EndpointContract {
    /// `GET /`.
    static let front: EndpointContract = {
        var contract = EndpointContract(
            "What this is; the page, to a browser.", answers: .text("text/plain"))
        contract.otherTypes = ["text/html"]
        contract.bareStatuses = [304: "The client has the page already."]
        return contract
    }()

    /// `GET /page/{path}`.
    static let pageFile: EndpointContract = {
        var contract = EndpointContract("A file of the page.", answers: .text("text/html"))
        contract.bareStatuses = [304: "The client has it already."]
        return contract.needing(.page)
    }()

    /// `GET /docs`.
    static let docs: EndpointContract = {
        var contract = EndpointContract(
            "Lead a browser to the documentation in the page.", answers: .nothing)
        contract.bareStatuses = [302: "The address of the documentation, in Location."]
        return contract.needing(.page)
    }()

    /// `GET /page/settings.json`.
    static let pageSettings = EndpointContract(
        "What the page has to know before it asks anything.",
        gives: .object {
            FieldDeclaration("version", .string(), "The version of the program.").required
            FieldDeclaration("needs_key", .boolean, "Whether requests need a key.").required
            FieldDeclaration(
                "batch_endpoints", .array(of: .string()),
                "What lines of batches may ask; nothing where no batches are taken."
            ).required
        }
    ).needing(.page)

    /// `GET /page/tool-servers.json`.
    static let toolServers = EndpointContract(
        "What the page may ask besides this server.",
        gives: .object {
            FieldDeclaration(
                "tool_servers", .array(of: .string()),
                "Servers of tools (MCP over HTTP)."
            ).required
        }
    ).needing(.page)
}
