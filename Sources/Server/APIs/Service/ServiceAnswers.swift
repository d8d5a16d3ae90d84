// SPDX-License-Identifier: Apache-2.0

import Telemetry

/// What stands after the `?` of `/metrics`.
enum MetricFields {
    static let names = Field.choice(
        "names", of: MetricNames.allCases.map(\.rawValue), "What metrics are called."
    ).defaulting(to: MetricNames.cierzo.rawValue)

    /// All of them.
    static let list = FieldList { names }

    /// The names that are asked for.
    static func read(_ query: FieldReader) throws(APIError) -> MetricNames {
        let name = try APIError.reading { () throws(FieldError) in try query.read(names) }
        return MetricNames(rawValue: name) ?? .cierzo
    }
}

extension EndpointContract {
    /// `GET /health`.
    static let health: EndpointContract = {
        var contract = EndpointContract(
            "Say whether a request could be answered.",
            gives: .object {
                FieldDeclaration(
                    "status", .choice(["ok", "stalled", "loading", "stopping", "failed"]),
                    "How it is."
                ).required
                FieldDeclaration("stage", .string(), "What is being loaded.")
                FieldDeclaration("progress", .number(in: 0...1), "How much of it.")
                FieldDeclaration("reason", .string(), "Why loading failed.")
            })
        contract.otherStatuses = [503]
        return contract
    }()

    /// `GET /health/live`.
    static let liveness = EndpointContract(
        "Say that the process runs.",
        gives: .object { FieldDeclaration("status", .choice(["ok"]), "Always ok.").required })

    /// `GET /metrics`.
    static let metrics = EndpointContract(
        "Counters and gauges for Prometheus.", answers: .text("text/plain")
    ).queried(MetricFields.list)

    /// `GET /v1/admin/experts`.
    static let experts = EndpointContract(
        "How many tokens each expert has computed.",
        gives: .object {
            FieldDeclaration("object", .choice(["list"]), "The kind of the answer.").required
            FieldDeclaration(
                "data",
                .array(
                    of: .object {
                        FieldDeclaration("model", .string(), "The model's name.").required
                        FieldDeclaration("layer_count", AnswerMembers.count, "Its layers.")
                            .required
                        FieldDeclaration("expert_count", AnswerMembers.count, "Experts of each.")
                            .required
                        FieldDeclaration(
                            "tokens", .array(of: .array(of: AnswerMembers.count)),
                            "Of each layer, the tokens that each expert has computed since the "
                                + "model was loaded."
                        ).required
                        FieldDeclaration(
                            "imbalance", .array(of: .number),
                            "Of each layer, the tokens of its busiest expert by the mean of all: "
                                + "1 where all have the same, 0 before the first token."
                        ).required
                    }), "Each model with experts that is in memory."
            ).required
        })

    /// `GET /version`.
    static let version = EndpointContract(
        "The version of the program.",
        gives: .object { FieldDeclaration("version", .string(), "Such as 0.1.0.").required })

    /// `GET /openapi.json`.
    static let document = EndpointContract(
        "This document.",
        gives: .object {
            FieldDeclaration(
                "openapi", .choice([OpenAPIDocument.version]), "The version of OpenAPI."
            )
            .required
            FieldDeclaration("info", .map(of: .any), "What this is.").required
            FieldDeclaration("servers", .array(of: .map(of: .any)), "Where it is.").required
            FieldDeclaration("paths", .map(of: .any), "The endpoints.").required
            FieldDeclaration("components", .map(of: .any), "Their bodies.").required
        })
}
