// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

/// All paths that the server answers.
struct RouteTable: Sendable {
    /// Every family.
    static let standard: RouteTable = RouteTable(
        .chat, .responses, .storedResponses, .completions, .fim, .messages, .decisions,
        .embeddings, .files, .batches, .models, .adapters, .tokens, .ollama, .admin, .keys, .audit,
        .service,
        .machine, .page)

    /// A path with a parameter in it.
    private struct Pattern {
        let prefix: String
        let suffix: String
        var endpoints: [Endpoint]

        func parameter(in path: Substring) -> Substring? {
            guard path.utf8.count > prefix.utf8.count + suffix.utf8.count, path.hasPrefix(prefix),
                path.hasSuffix(suffix)
            else { return nil }
            return path.dropFirst(prefix.count).dropLast(suffix.count)
        }
    }

    /// The paths without a parameter of endpoints that clients are told of.
    ///
    /// Those with the most parts come first, for a shorter one may be their end; then they stand in
    /// the order of their families, the longest first in each.
    let listedPaths: [String]

    /// What a client is told that asked for something else.
    let summary: String

    /// All endpoints, in the order of their families.
    let endpoints: [Endpoint]

    private var exact: [Substring: [Endpoint]] = [:]
    private var patterns: [Pattern] = []

    private init(_ groups: RouteGroup...) {
        let endpoints = groups.flatMap(\.endpoints)
        self.endpoints = endpoints
        let listed = endpoints.filter { $0.isListed && !$0.name.contains("{") }
        let names = Set(listed.map(\.name))
        let ranks = groups.enumerated().flatMap { place, group in
            group.endpoints.map(\.name).filter(names.contains).map { name in
                (name: name, parts: name.split(separator: "/").count, family: place)
            }
        }
        listedPaths = ranks.sorted {
            ($1.parts, $0.family, $1.name.utf8.count, $0.name)
                < ($0.parts, $1.family, $0.name.utf8.count, $1.name)
        }.map(\.name)
        summary = Self.summary(of: listed)
        for endpoint in endpoints {
            for path in Set(endpoint.paths.flatMap(Self.spellings)) { add(endpoint, at: path) }
        }
        // The most special pattern is tried first.
        patterns.sort {
            ($1.prefix.utf8.count, $1.suffix.utf8.count)
                < ($0.prefix.utf8.count, $0.suffix.utf8.count)
        }
    }

    /// A base URL without `/v1` leads to the same endpoints.
    private static func spellings(of path: String) -> [String] {
        path.hasPrefix("/v1/") ? [path, String(path.dropFirst(3))] : [path]
    }

    private mutating func add(_ endpoint: Endpoint, at path: String) {
        guard let open = path.firstIndex(of: "{"), let close = path.firstIndex(of: "}") else {
            exact[path[...], default: []].append(endpoint)
            return
        }
        let (prefix, suffix) = (path[..<open], path[path.index(after: close)...])
        if let known = patterns.firstIndex(where: { $0.prefix == prefix && $0.suffix == suffix }) {
            patterns[known].endpoints.append(endpoint)
        } else {
            patterns.append(
                Pattern(
                    prefix: String(prefix), suffix: String(suffix), endpoints: [endpoint]))
        }
    }

    /// The endpoints of a path, one for each method, and its parameter.
    func endpoints(at path: Substring) -> (endpoints: [Endpoint], parameter: String) {
        if let endpoints = exact[path] { return (endpoints, "") }
        // It may stand where others have a parameter.
        if UnbuiltRoute.named(path) != nil { return ([], "") }
        for pattern in patterns {
            if let parameter = pattern.parameter(in: path) {
                // The Mistral SDK sends the slash of an id as it is, the OpenAI SDK as %2F.
                return PercentEncoding.decoded(parameter).map { (pattern.endpoints, $0) } ?? (
                    [], ""
                )
            }
        }
        return ([], "")
    }

    private static func summary(of endpoints: [Endpoint]) -> String {
        func list(_ endpoints: [Endpoint]) -> String {
            let names = endpoints.map(\.name)
            // A path below another one of them is no news.
            let shown = names.filter { name in !names.contains { name.hasPrefix($0 + "/") } }
            guard let last = shown.last, shown.count > 1 else { return shown.joined() }
            return shown.dropLast().joined(separator: ", ") + " and " + last
        }
        let (versioned, others) = (
            endpoints.filter { $0.name.hasPrefix("/v1/") },
            endpoints.filter { !$0.name.hasPrefix("/v1/") }
        )
        return "The API's routes begin with /v1: "
            + "POST \(list(versioned.filter { $0.method == .post })), "
            + "GET \(list(versioned.filter { $0.method == .get })). "
            + "Beside them are GET \(list(others))."
    }
}

/// The escapes of a URL (RFC 3986 §2.1).
enum PercentEncoding {
    /// The text, or nil if an escape is broken or the bytes are no UTF-8.
    static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(digit),
                let low = rest.popFirst().flatMap(digit)
            else { return nil }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    /// The text with an escape for every byte that is no letter or digit of ASCII.
    static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        return String(
            decoding: text.utf8.flatMap { byte -> [UInt8] in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                    UInt8(ascii: "_"):
                    [byte]
                default: [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
                }
            }, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
