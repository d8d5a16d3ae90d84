// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

/// The target of a request, read.
struct Route: Sendable {
    /// What it names, one for each method; nothing if there is no such path.
    let endpoints: [Endpoint]

    /// The part of the path that stands for the parameter; empty if there is none.
    let parameter: String

    /// The dialect that its prefix forces.
    let forcedDialect: Dialect?

    /// Without query, prefix of a dialect and slashes too many.
    private let path: Substring

    /// As the client sent it, without its query.
    private let asked: Substring

    /// Reads the target of a request.
    ///
    /// A base URL without `/v1`, with it twice, or with a slash at its end leads to the same routes.
    init(path target: String) {
        asked = target.prefix { $0 != "?" && $0 != "#" }
        var path = Self.withoutDoubledSlashes(asked)
        var dialect: Dialect?
        for candidate in Dialect.all
        where dialect == nil && path.hasPrefix("/\(candidate.name)/") {
            dialect = candidate
            path = path.dropFirst(candidate.name.count + 1)
        }
        while path.count > 1, path.last == "/" { path = path.dropLast() }
        while path.hasPrefix("/v1/v1/") { path = path.dropFirst(3) }
        forcedDialect = dialect
        self.path = path
        (endpoints, parameter) = RouteTable.standard.endpoints(at: path)
    }

    private static func withoutDoubledSlashes(_ path: Substring) -> Substring {
        guard path.contains("//") else { return path }
        var result = ""
        for character in path where character != "/" || result.last != "/" {
            result.append(character)
        }
        return result[...]
    }

    /// What answers that method.
    func endpoint(for method: HTTPRequest.Method) -> Endpoint? {
        let method = method == .head ? .get : method
        return endpoints.first { $0.method == method }
    }

    /// All methods, for `Allow`.
    var allowedMethods: [String] {
        endpoints.flatMap { $0.method == .get ? ["GET", "HEAD"] : [$0.method.rawValue] }
            + ["OPTIONS"]
    }

    /// Whether a request needs no key.
    func isOpen(for method: HTTPRequest.Method) -> Bool {
        (endpoint(for: method) ?? endpoints.first)?.isOpen ?? false
    }

    /// The name for metrics and logs.
    func name(for method: HTTPRequest.Method) -> String {
        (endpoint(for: method) ?? endpoints.first)?.name ?? "unknown"
    }

    /// The route of another API that it is, if it is one.
    private var unbuilt: UnbuiltRoute? {
        guard endpoints.isEmpty else { return nil }
        return UnbuiltRoute.named(path)
    }

    /// The dialect that everything but the body tells: the prefix, the client, the route.
    ///
    /// - Returns: the choice, or nil where the body or the default must decide.
    func dialect(for fields: HTTPFields) -> Dialect? {
        let own = endpoints.first?.dialect ?? unbuilt?.dialect
        if let own, own.keepsItsRoutes { return own }
        return forcedDialect ?? Dialect.spoken(by: fields) ?? own
    }

    /// Why there is nothing.
    func absence(_ method: HTTPRequest.Method) -> APIError {
        let name = EchoableText.of(method.rawValue) + " " + EchoableText.of(String(asked))
        if let unbuilt {
            return .unbuilt(name, instead: unbuilt.instead)
        }
        return .routeNotFound(name, nearest: NearbyRoute.of(path))
    }
}
