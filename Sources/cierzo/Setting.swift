// SPDX-License-Identifier: Apache-2.0

/// One key of the configuration: the same name as a flag, in the environment and in the file.
struct Setting: Sendable {
    /// What a value of the key must be.
    enum Kind: Sendable, Equatable {
        case string
        case integer(ClosedRange<Int>)
        case boolean
        case strings
        case integers(ClosedRange<Int>)
        case choice([String])
    }

    let key: String
    let kind: Kind
    /// `nil`: worked out at start, or not set.
    let defaultValue: SettingValue?
    /// What `--print-config` shows in place of a default that is worked out at start.
    let defaultText: String
    var isSecret = false
}

/// A value of a setting.
enum SettingValue: Sendable, Equatable, CustomStringConvertible {
    case string(String)
    case integer(Int)
    case boolean(Bool)
    case strings([String])
    case integers([Int])

    var description: String {
        switch self {
        case .string(let value): value
        case .integer(let value): String(value)
        case .boolean(let value): String(value)
        case .strings(let values): "[" + values.joined(separator: ", ") + "]"
        case .integers(let values): "\(values)"
        }
    }
}

extension Setting {
    /// Every key there is; `config/cierzo.yaml` documents them in the same order.
    static let all: [Setting] = [
        Setting(key: "model", kind: .string, defaultValue: nil, defaultText: "(required)"),
        flag("accept-stale"),
        flag("verify"),
        Setting(key: "served-name", kind: .string, defaultValue: nil, defaultText: "(the model's)"),
        Setting(
            key: "host", kind: .string, defaultValue: .string("127.0.0.1"),
            defaultText: "127.0.0.1"),
        number("port", 0...65535, 8080),
        Setting(
            key: "api-keys", kind: .strings, defaultValue: .strings([]), defaultText: "[]",
            isSecret: true),
        Setting(
            key: "key-weights", kind: .integers(1...1000), defaultValue: .integers([]),
            defaultText: "[]"),
        flag("insecure"),
        Setting(
            key: "allowed-origins", kind: .strings, defaultValue: .strings([]), defaultText: "[]"),
        Setting(
            key: "allowed-hosts", kind: .strings, defaultValue: .strings([]), defaultText: "[]"),
        Setting(
            key: "threads", kind: .integer(1...1024), defaultValue: nil,
            defaultText: "(what affinity and cgroup allow)"),
        choice("pin", ["automatic", "always", "never"]),
        choice("kernels", ["automatic", "scalar", "avx2", "avxvnni", "avx512", "exact", "blas"]),
        Setting(
            key: "context", kind: .integer(16...16_777_216), defaultValue: nil,
            defaultText: "(the model's, at most 32768)"),
        number("block-size", 16...32, 16),
        choice("kv-type", ["f16", "f32", "bf16", "q8"]),
        Setting(
            key: "kv-memory", kind: .integer(1...16_777_216), defaultValue: nil,
            defaultText: "(4 contexts, at most a quarter of memory)"),
        number("max-sequences", 1...4096, 64),
        number("max-queue", 0...1_000_000, 256),
        number("max-batch-tokens", 16...65536, 512),
        number("prefill-chunk", 16...65536, 256),
        choice("dialect", ["openai", "mistral"]),
        flag("strict-mistral"),
        flag("share-prefix-cache"),
        number("keep-alive-interval", 1...3600, 10),
        flag("heartbeats"),
        flag("allow-repetition"),
        number("max-body-bytes", 1024...1_073_741_824, 16_777_216),
        Setting(
            key: "max-body-memory", kind: .integer(1...1_048_576), defaultValue: nil,
            defaultText: "(16 of the largest bodies)"),
        number("max-header-bytes", 1024...1_048_576, 65536),
        number("max-connections", 1...65536, 1024),
        number("header-timeout", 1...3600, 10),
        number("body-timeout", 1...3600, 60),
        number("idle-timeout", 1...3600, 75),
        number("shutdown-grace", 0...3600, 30),
        Setting(
            key: "log-level",
            kind: .choice(["trace", "debug", "info", "notice", "warning", "error", "critical"]),
            defaultValue: .string("info"), defaultText: "info"),
    ]

    private static func number(_ key: String, _ range: ClosedRange<Int>, _ value: Int) -> Setting {
        Setting(
            key: key, kind: .integer(range), defaultValue: .integer(value),
            defaultText: String(value))
    }

    /// A setting that is off unless it is set.
    private static func flag(_ key: String) -> Setting {
        Setting(key: key, kind: .boolean, defaultValue: .boolean(false), defaultText: "false")
    }

    /// A setting with named choices; the first is the default.
    private static func choice(_ key: String, _ names: [String]) -> Setting {
        let first = names.first ?? ""
        return Setting(
            key: key, kind: .choice(names), defaultValue: .string(first), defaultText: first)
    }
}
