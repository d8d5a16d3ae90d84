// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

/// What a path names.
enum Endpoint: Hashable, Sendable {
    case chatCompletions
    case chatInputTokens
    case completions
    case fimCompletions
    case models
    case model(id: String)
    case tokenize
    case detokenize
    case tokenizerInfo
    case ready
    case live
    case root
    case version
    case metrics

    /// The one method besides HEAD and OPTIONS.
    var method: HTTPRequest.Method {
        switch self {
        case .models, .model, .tokenizerInfo, .ready, .live, .root, .version, .metrics: .get
        default: .post
        }
    }

    /// All methods, for `Allow`.
    var allowedMethods: [String] {
        method == .get ? ["GET", "HEAD", "OPTIONS"] : ["POST", "OPTIONS"]
    }

    /// Whether it answers without a key.
    var isOpen: Bool { self == .ready || self == .live || self == .root }

    /// The route for metrics and logs: never a client's own text.
    var name: String {
        switch self {
        case .chatCompletions: "/v1/chat/completions"
        case .chatInputTokens: "/v1/chat/completions/input_tokens"
        case .completions: "/v1/completions"
        case .fimCompletions: "/v1/fim/completions"
        case .models: "/v1/models"
        case .model: "/v1/models/{id}"
        case .tokenize: "/v1/tokenize"
        case .detokenize: "/v1/detokenize"
        case .tokenizerInfo: "/tokenizer_info"
        case .ready: "/health"
        case .live: "/health/live"
        case .root: "/"
        case .version: "/version"
        case .metrics: "/metrics"
        }
    }
}

/// A path, read.
struct Route: Sendable {
    /// What it names, or nil if there is nothing.
    let endpoint: Endpoint?

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
        for candidate in Dialect.allCases
        where dialect == nil && path.hasPrefix("/\(candidate.name)/") {
            dialect = candidate
            path = path.dropFirst(candidate.name.count + 1)
        }
        while path.count > 1, path.last == "/" { path = path.dropLast() }
        while path.hasPrefix("/v1/v1/") { path = path.dropFirst(3) }
        let isBare =
            ["/models", "/fim/completions", "/completions"].contains(path)
            || path.hasPrefix("/models/") || path.hasPrefix("/chat/completions")
        forcedDialect = dialect
        self.path = path
        endpoint = Self.endpoint(of: isBare ? "/v1" + path : path)
    }

    private static func withoutDoubledSlashes(_ path: Substring) -> Substring {
        guard path.contains("//") else { return path }
        var result = ""
        for character in path where character != "/" || result.last != "/" {
            result.append(character)
        }
        return result[...]
    }

    /// The route of another API that it is, if it is one.
    var unbuilt: UnbuiltRoute? {
        guard endpoint == nil else { return nil }
        return UnbuiltRoute.named(path.hasPrefix("/v1/") ? path.dropFirst(3) : path)
    }

    /// The dialect that everything but the body tells: the prefix, the client, the route.
    ///
    /// - Returns: the choice, or nil where the body or the default must decide.
    func dialect(for fields: HTTPFields) -> Dialect? {
        forcedDialect ?? Dialect.spoken(by: fields)
            ?? (endpoint == .fimCompletions ? .mistral : unbuilt?.family?.dialect)
    }

    /// Why there is nothing.
    func absence(_ method: String) -> APIError {
        let name = EchoableText.of(method) + " " + EchoableText.of(String(asked))
        if let unbuilt {
            return .unbuilt(name, instead: unbuilt.instead, family: unbuilt.family)
        }
        return .routeNotFound(name, nearest: NearbyRoute.of(path))
    }

    private static func endpoint(of path: Substring) -> Endpoint? {
        switch path {
        case "/": return .root
        case "/v1/chat/completions": return .chatCompletions
        case "/v1/chat/completions/input_tokens": return .chatInputTokens
        case "/v1/completions": return .completions
        case "/v1/fim/completions": return .fimCompletions
        case "/v1/models": return .models
        case "/v1/tokenize", "/tokenize": return .tokenize
        case "/v1/detokenize", "/detokenize": return .detokenize
        case "/tokenizer_info", "/v1/tokenizer_info": return .tokenizerInfo
        case "/health", "/health/ready", "/v1/health": return .ready
        case "/health/live": return .live
        case "/version", "/v1/version": return .version
        case "/metrics": return .metrics
        default: break
        }
        // The Mistral SDK sends the slash of an id as it is, the OpenAI SDK as %2F.
        let prefix = "/v1/models/"
        guard path.hasPrefix(prefix), let id = percentDecoded(path.dropFirst(prefix.count)) else {
            return nil
        }
        return .model(id: id)
    }

    /// The text, or nil if an escape is broken or the bytes are no UTF-8.
    static func percentDecoded(_ text: Substring) -> String? {
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

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
