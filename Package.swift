// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
]

/// libFuzzer learns nothing from kernels, and a compiler takes many minutes to mark their branches.
let isFuzzing = Context.environment["CIERZO_FUZZ"] != nil
let sanitizing = isFuzzing ? ["-fno-sanitize=fuzzer"] : []

let cSettings: [CSetting] = [
    .enableWarning("all"),
    .enableWarning("extra"),
    .treatAllWarnings(as: .error),
    .unsafeFlags(["-O3", "-fno-math-errno", "-ffp-contract=off"] + sanitizing),
]

/// For rooms whose types one thread uses at a time, with a loop for every byte of a vocabulary: the
/// checks of overlapping accesses took a third of the time of a mask.
let unchecked: [SwiftSetting] = [
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))
]

/// Products of the packages we depend on, by the name that our targets import.
let products: [String: Target.Dependency] = [
    "ArgumentParser": .product(name: "ArgumentParser", package: "swift-argument-parser"),
    "DequeModule": .product(name: "DequeModule", package: "swift-collections"),
    "Configuration": .product(name: "Configuration", package: "swift-configuration"),
    "GRDB": .product(name: "GRDB", package: "GRDB.swift"),
    "HTTPTypes": .product(name: "HTTPTypes", package: "swift-http-types"),
    "Logging": .product(name: "Logging", package: "swift-log"),
    "Metrics": .product(name: "Metrics", package: "swift-metrics"),
    "Tracing": .product(name: "Tracing", package: "swift-distributed-tracing"),
]

/// A Swift target of a storey: its folder is `Sources/<storey>/<name>`, its tests `Tests/<name>Tests`.
func room(
    _ name: String, in storey: String, uses: [String] = [], from outside: [String] = [],
    settings: [SwiftSetting] = []
) -> Target {
    .target(
        name: name,
        dependencies: uses.map { .init(stringLiteral: $0) } + outside.compactMap { products[$0] },
        path: "Sources/\(storey)/\(name)",
        swiftSettings: swiftSettings + settings)
}

/// Tests of a room.
///
/// In release they are not optimized themselves, only what they test: optimizing them took longer
/// than running them.
func tests(
    of name: String, uses: [String] = [], from outside: [String] = [], resources: [Resource] = []
) -> Target {
    .testTarget(
        name: "\(name)Tests",
        dependencies: ([name] + uses).map { .init(stringLiteral: $0) }
            + outside.compactMap { products[$0] },
        path: "Tests/\(name)Tests",
        resources: resources,
        swiftSettings: swiftSettings + [.unsafeFlags(["-Onone"], .when(configuration: .release))])
}

let package = Package(
    name: "cierzo",
    products: [.executable(name: "cierzo", targets: ["cierzo"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(
            url: "https://github.com/apple/swift-configuration", from: "1.4.0",
            traits: [.defaults, "YAML"]),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        // Base: primitives; nothing here knows what a model is.
        .target(name: "CKernels", path: "Sources/Base/CKernels", cSettings: cSettings),
        .target(name: "CFiles", path: "Sources/Base/CFiles", cSettings: cSettings),
        .target(name: "CTransfer", path: "Sources/Base/CTransfer", cSettings: cSettings),
        .target(name: "CCrypto", path: "Sources/Base/CCrypto", cSettings: cSettings),
        .target(name: "CTLS", path: "Sources/Base/CTLS", cSettings: cSettings),
        .target(
            name: "CPage", path: "Sources/Server/CPage", exclude: ["site", "files.inc"],
            cSettings: cSettings + [.unsafeFlags(["-std=c23"])]),
        .systemLibrary(name: "COpenBLAS", path: "Sources/Base/COpenBLAS"),
        .systemLibrary(name: "CNUMA", path: "Sources/Base/CNUMA"),
        .systemLibrary(name: "CZlib", path: "Sources/Base/CZlib"),
        .systemLibrary(name: "CEpoll", path: "Sources/Base/CEpoll"),
        room("JSON", in: "Base"),
        room("Jinja", in: "Base", uses: ["JSON"]),
        room("Console", in: "Base", uses: ["JSON"], from: ["Logging"]),

        // Model: numbers to logits; knows ids, not text.
        room("Quantization", in: "Model"),
        room("Parallelism", in: "Model", uses: ["CKernels", "CNUMA"]),
        room(
            "Computation", in: "Model",
            uses: ["Parallelism", "Quantization", "CFiles", "CKernels", "COpenBLAS"],
            settings: [.enableExperimentalFeature("Lifetimes")]),
        room(
            "ModelFiles", in: "Model",
            uses: ["Computation", "Parallelism", "Quantization", "JSON", "CFiles"]),
        room(
            "Architectures", in: "Model",
            uses: ["Computation", "Parallelism", "ModelFiles", "JSON"]),
        room(
            "Inference", in: "Model",
            uses: ["Computation", "Parallelism", "Quantization", "ModelFiles", "Architectures"]),
        room(
            "ModelTools", in: "Model",
            uses: ["Computation", "Parallelism", "Quantization", "ModelFiles", "Architectures"]),
        room(
            "Sizing", in: "Model",
            uses: [
                "Computation", "Parallelism", "Quantization", "ModelFiles", "Architectures",
                "Inference",
            ]),
        room("Downloading", in: "Model", uses: ["CCrypto", "CFiles", "CTransfer", "JSON"]),

        // Text: text to ids and back; knows no tensors.
        room("Tokenization", in: "Text", uses: ["ModelFiles", "JSON"]),
        room("Conversation", in: "Text", uses: ["Tokenization", "Jinja", "JSON"]),
        room("Recognition", in: "Text", uses: ["JSON"], settings: unchecked),
        room(
            "StructuredOutput", in: "Text", uses: ["Recognition", "Tokenization", "JSON"],
            settings: unchecked),
        room(
            "AnswerParsing", in: "Text",
            uses: ["Conversation", "Recognition", "Tokenization", "JSON"]),

        // Engine: requests of ids to streams of ids and text.
        room("Sampling", in: "Engine", uses: ["StructuredOutput", "Tokenization"]),
        room("Scheduling", in: "Engine"),
        room(
            "Generation", in: "Engine",
            uses: [
                "Architectures", "Computation", "Inference", "ModelFiles", "Scheduling", "Sampling",
                "StructuredOutput", "Tokenization",
            ],
            from: ["DequeModule", "Logging", "Metrics"]),

        room(
            "Serving", in: "Engine",
            uses: [
                "AnswerParsing", "Architectures", "Computation", "Console", "Conversation",
                "Generation", "Inference", "JSON", "ModelFiles", "Parallelism", "Quantization",
                "Recognition", "Sampling", "StructuredOutput", "Tokenization",
            ], from: ["Logging"]),

        // Server: bytes on a socket to generation requests and back.
        room("HTTP", in: "Server", uses: ["CEpoll", "CTLS", "CZlib"], from: ["HTTPTypes"]),
        room(
            "Telemetry", in: "Server", uses: ["CTransfer", "JSON"], from: ["Metrics", "Tracing"]),
        room("Storage", in: "Server"),
        room("Access", in: "Server", uses: ["CCrypto", "CFiles", "JSON"], from: ["GRDB"]),
        room(
            "Jobs", in: "Server", uses: ["Access", "CTransfer", "JSON"], from: ["GRDB"]),
        room("Page", in: "Server", uses: ["CPage", "HTTP"], from: ["HTTPTypes"]),
        room(
            "APIs", in: "Server",
            uses: [
                "Access", "Computation", "HTTP", "JSON", "Jobs", "Page", "Tokenization",
                "Conversation",
                "Recognition", "AnswerParsing", "Sampling", "Scheduling", "Generation", "Serving",
                "Storage",
                "Telemetry",
            ],
            from: ["HTTPTypes", "Logging", "Tracing"]),

        .executableTarget(
            name: "cierzo",
            dependencies: [
                "APIs",
                "Access",
                "AnswerParsing",
                "Architectures",
                "Computation",
                "Console",
                "Conversation",
                "Downloading",
                "Generation",
                "HTTP",
                "Inference",
                "JSON",
                "Jobs",
                "ModelFiles",
                "ModelTools",
                "Page",
                "Parallelism",
                "Quantization",
                "Recognition",
                "Sampling",
                "Scheduling",
                "Serving",
                "Sizing",
                "Storage",
                "StructuredOutput",
                "Telemetry",
                "Tokenization",
                products["ArgumentParser"], products["Configuration"], products["HTTPTypes"],
                products["Logging"],
                products["Metrics"],
            ].compactMap { $0 },
            path: "Sources/cierzo",
            swiftSettings: swiftSettings),

        .executableTarget(
            name: "cierzo-micro",
            dependencies: [
                "Computation", "Parallelism", "Quantization", "CKernels",
                products["ArgumentParser"],
            ].compactMap { $0 },
            path: "Benchmarks/micro",
            swiftSettings: swiftSettings),

        .executableTarget(
            name: "cierzo-simulate",
            dependencies: ["Scheduling", products["ArgumentParser"]].compactMap { $0 },
            path: "Benchmarks/simulate",
            exclude: ["README.md", "chunk.svg"],
            swiftSettings: swiftSettings),

        // What the tests of several targets share.
        .target(
            name: "TestSupport",
            dependencies: [
                "Architectures", "Computation", "Inference", "ModelFiles", "Parallelism",
            ],
            path: "Tests/TestSupport", resources: [.copy("Goldens")], swiftSettings: swiftSettings),

        // A vocabulary whose ids can be read, and answers made of them.
        .target(
            name: "ConversationSupport", dependencies: ["AnswerParsing", "Tokenization"],
            path: "Tests/ConversationSupport", swiftSettings: swiftSettings),

        // Engines, vocabularies and formats that do as a test says.
        .target(
            name: "ServingSupport",
            dependencies: [
                "Serving", "AnswerParsing", "Generation", "Recognition", "Sampling",
                "StructuredOutput", "Conversation", "Tokenization", "JSON",
            ],
            path: "Tests/ServingSupport", swiftSettings: swiftSettings),

        // What must hold of the readers of foreign bytes; tests and libFuzzer give it inputs.
        .target(
            name: "Fuzzers",
            dependencies: [
                "APIs", "Access", "AnswerParsing", "Architectures", "Computation", "Conversation",
                "Generation", "HTTP", "JSON", "Jinja", "Jobs", "ModelFiles", "Recognition",
                "Scheduling", "Serving", "Tokenization", "ConversationSupport", "ServingSupport",
            ] + ["HTTPTypes"].compactMap { products[$0] },
            path: "Tests/Fuzzers", swiftSettings: swiftSettings),

        tests(of: "JSON"),
        tests(of: "Jinja", uses: ["JSON"], resources: [.copy("Goldens")]),
        tests(of: "Console", uses: ["JSON"], from: ["Logging"]),
        tests(of: "Quantization", resources: [.copy("Goldens")]),
        tests(of: "Parallelism"),
        tests(of: "Computation", uses: ["Parallelism", "Quantization"]),
        tests(
            of: "ModelFiles",
            uses: [
                "Computation", "Parallelism", "Quantization", "JSON", "Architectures", "ModelTools",
                "TestSupport",
            ]),
        tests(of: "Architectures", uses: ["ModelFiles"]),
        tests(
            of: "ModelTools",
            uses: [
                "Computation", "Parallelism", "Quantization", "ModelFiles", "Architectures",
                "JSON", "TestSupport",
            ]),
        tests(
            of: "Inference",
            uses: [
                "Computation", "Parallelism", "Quantization", "ModelFiles", "Architectures",
                "ModelTools", "TestSupport",
            ],
            resources: [.copy("Goldens")]),
        tests(
            of: "Sizing",
            uses: [
                "Computation", "Parallelism", "Quantization", "ModelFiles", "Architectures",
                "Inference", "TestSupport",
            ]),
        tests(of: "Downloading", uses: ["JSON", "TestSupport"], resources: [.copy("Server")]),
        tests(
            of: "Tokenization", uses: ["Architectures", "ModelFiles", "JSON"],
            resources: [.copy("Goldens")]),
        tests(
            of: "Conversation", uses: ["ConversationSupport", "Tokenization", "Jinja", "JSON"],
            resources: [.copy("Goldens")]),
        tests(of: "Recognition", uses: ["JSON"]),
        tests(
            of: "StructuredOutput",
            uses: ["Recognition", "Tokenization", "JSON", "ModelFiles"]),
        tests(
            of: "AnswerParsing",
            uses: [
                "Conversation", "ConversationSupport", "Recognition", "StructuredOutput",
                "Tokenization", "JSON",
            ]),
        tests(of: "Sampling", uses: ["StructuredOutput"]),
        tests(of: "Scheduling"),
        tests(
            of: "Generation",
            uses: [
                "Inference", "Scheduling", "Sampling", "Tokenization", "ModelFiles", "Computation",
                "Parallelism", "Recognition", "StructuredOutput", "TestSupport",
            ], from: ["Logging"]),
        tests(
            of: "Serving",
            uses: [
                "AnswerParsing", "Recognition", "Architectures", "Generation", "Sampling",
                "Conversation", "Tokenization",
                "Inference", "ModelFiles",
                "JSON", "ServingSupport", "TestSupport",
            ]),
        tests(of: "HTTP", uses: ["TestSupport"], from: ["HTTPTypes"]),
        tests(
            of: "Telemetry", uses: ["HTTP", "JSON"], from: ["HTTPTypes", "Metrics", "Tracing"]),
        tests(of: "Storage", uses: ["TestSupport"]),
        tests(of: "Jobs", uses: ["Access", "JSON", "TestSupport"]),
        tests(of: "Page", uses: ["HTTP"], from: ["HTTPTypes"]),
        tests(
            of: "Access", uses: ["JSON", "TestSupport"], resources: [.copy("Goldens")]),
        tests(of: "Fuzzers", resources: [.copy("Corpora")]),
        tests(
            of: "APIs",
            uses: [
                "Access",
                "HTTP",
                "JSON",
                "Jobs",
                "Page",
                "AnswerParsing", "Recognition",
                "Generation", "Scheduling",
                "Inference",
                "ModelFiles",
                "Sampling",
                "Tokenization",
                "Conversation",
                "Telemetry",
                "ServingSupport", "TestSupport",
                "Computation",
                "Parallelism",
                "Serving", "Storage",
            ],
            from: ["HTTPTypes", "Tracing"]),
        tests(
            of: "cierzo",
            uses: [
                "Access", "Computation", "HTTP", "JSON", "ModelFiles", "Parallelism", "Recognition",
                "Serving", "StructuredOutput",
            ],
            from: ["ArgumentParser"]),
    ]
)

// Only scripts/fuzz asks for this, whose main is libFuzzer's.
if isFuzzing {
    package.targets.append(
        .executableTarget(
            name: "cierzo-fuzz", dependencies: ["Fuzzers"], path: "Tests/Fuzz",
            swiftSettings: swiftSettings + [.unsafeFlags(["-parse-as-library"])]))
}
