// SPDX-License-Identifier: Apache-2.0

import APITypes
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
    case ready
    case live
    case version
    case metrics

    /// The one method besides HEAD and OPTIONS.
    var method: HTTPRequest.Method {
        switch self {
        case .models, .model, .ready, .live, .version, .metrics: .get
        default: .post
        }
    }

    /// All methods, for `Allow`.
    var allowedMethods: [String] {
        method == .get ? ["GET", "HEAD", "OPTIONS"] : ["POST", "OPTIONS"]
    }

    /// Whether it answers without a key.
    var isOpen: Bool { self == .ready || self == .live }

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
        case .ready: "/health"
        case .live: "/health/live"
        case .version: "/version"
        case .metrics: "/metrics"
        }
    }
}

/// A path, read.
struct Route: Hashable, Sendable {
    /// What it names, or nil if there is nothing.
    let endpoint: Endpoint?

    /// The dialect that its prefix forces.
    let forcedDialect: Dialect?

    /// Reads the target of a request.
    init(path target: String) {
        var path = target.prefix { $0 != "?" && $0 != "#" }
        var dialect: Dialect?
        for candidate in Dialect.allCases where path.hasPrefix("/\(candidate.rawValue)/v1/") {
            dialect = candidate
            path = path.dropFirst(candidate.rawValue.count + 1)
        }
        while path.count > 1, path.last == "/" { path = path.dropLast() }
        forcedDialect = dialect
        endpoint = Self.endpoint(of: path)
    }

    private static func endpoint(of path: Substring) -> Endpoint? {
        switch path {
        case "/v1/chat/completions": return .chatCompletions
        case "/v1/chat/completions/input_tokens": return .chatInputTokens
        case "/v1/completions": return .completions
        case "/v1/fim/completions": return .fimCompletions
        case "/v1/models": return .models
        case "/v1/tokenize", "/tokenize": return .tokenize
        case "/v1/detokenize", "/detokenize": return .detokenize
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
