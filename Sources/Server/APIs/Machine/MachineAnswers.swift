// SPDX-License-Identifier: Apache-2.0

extension EndpointContract {
    /// `GET /v1/admin/machine/events`.
    static let machineEvents: EndpointContract = {
        var contract = EndpointContract(
            "How the server is doing: an event at once, and one each second until the client goes.",
            answers: .text("text/event-stream"))
        contract.events = .object {
            FieldDeclaration("object", .choice(["machine.sample"]), "The kind of the event.")
                .required
            FieldDeclaration("time", AnswerMembers.count, "Unix time in seconds.").required
            FieldDeclaration(
                "seconds", MachineMembers.seconds,
                "The time that it tells of; 0 in the first event."
            ).required
            FieldDeclaration(
                "memory_bytes_per_second", FieldKind.number.orNull,
                "What the memory of this machine gives; null until it was measured."
            ).required
            FieldDeclaration("models", .array(of: MachineMembers.model), "Every model.").required
            FieldDeclaration("keys", .array(of: MachineMembers.key), "Who got tokens in this time.")
                .required
            FieldDeclaration("request_count", AnswerMembers.count, "Requests under way.").required
            FieldDeclaration(
                "requests", .array(of: MachineMembers.request), "Those that are oldest."
            ).required
        }
        return contract
    }()

    /// `GET /v1/admin/experts/{request}`.
    static let routing = EndpointContract(
        "Which experts computed each token of a request, of those that ran while somebody watched.",
        gives: .object {
            FieldDeclaration("object", .choice(["expert.routing"]), "The kind of the answer.")
                .required
            FieldDeclaration("request", .string(), "Its x-request-id.").required
            FieldDeclaration("model", .string(), "The model.").required
            FieldDeclaration("layer_count", AnswerMembers.count, "Its layers.").required
            FieldDeclaration("expert_count", AnswerMembers.count, "Experts of each.").required
            FieldDeclaration("experts_per_token", AnswerMembers.count, "A.").required
            FieldDeclaration(
                "tokens",
                .array(
                    of: .object {
                        FieldDeclaration("position", AnswerMembers.count, "Its place.").required
                        FieldDeclaration("id", AnswerMembers.count, "Its id.").required
                        FieldDeclaration("text", .string(), "Its text.").required
                        FieldDeclaration(
                            "experts", .array(of: AnswerMembers.ids),
                            "Of each layer, its experts, best first; none where nobody needed the "
                                + "layer of this token."
                        ).required
                    }),
                "Those that were computed: not what was found in the cache, nor the last token."
            ).required
        })

    /// `GET /v1/admin/doctor`.
    static let findings = EndpointContract(
        "What slows models down on this machine.", gives: MachineMembers.examination)

    /// `POST /v1/admin/doctor`.
    static let measuring = EndpointContract(
        "The same, measured for some seconds, in which no request may be under way.",
        takes: FieldList {}, gives: MachineMembers.examination)
}

/// The parts of an event.
private enum MachineMembers {
    static let examination = FieldKind.object {
        FieldDeclaration("object", .choice(["machine.examination"]), "The kind of the answer.")
            .required
        FieldDeclaration(
            "findings",
            .array(
                of: .object {
                    FieldDeclaration("subject", .string(), "What is looked at.").required
                    FieldDeclaration("grade", .choice(["good", "advice", "problem"]), "How it is.")
                        .required
                    FieldDeclaration("found", .string(), "What there is.").required
                    FieldDeclaration("advice", FieldKind.string().orNull, "What to change.")
                        .required
                }), "What there is to know."
        ).required
        FieldDeclaration(
            "read_bytes_per_second", FieldKind.number.orNull,
            "What the memory gives to all threads together; null where it was not measured."
        ).required
    }

    static let seconds = FieldKind.number(in: 0...Double(Int32.max))

    private static let quantiles = FieldKind.object {
        FieldDeclaration("count", AnswerMembers.count, "How many were measured.").required
        ["p50", "p90", "p99", "max"].map {
            FieldDeclaration($0, seconds, "Seconds, by nearest rank.").required
        }
    }.orNull

    static let model = FieldKind.object {
        FieldDeclaration("model", .string(), "Its name.").required
        FieldDeclaration(
            "status", .choice(["unloaded", "loading", "loaded", "failed"]),
            "Whether it is in memory."
        ).required
        FieldDeclaration("stage", .string(), "What is being loaded.")
        FieldDeclaration("progress", .number(in: 0...1), "How much of it.")
        FieldDeclaration("running", AnswerMembers.count, "Sequences with KV blocks.")
        FieldDeclaration("waiting", AnswerMembers.count, "Sequences in the queue.")
        FieldDeclaration(
            "kv_blocks",
            .object {
                FieldDeclaration("used", AnswerMembers.count, "Of sequences.").required
                FieldDeclaration(
                    "cached", AnswerMembers.count, "Of prefixes that may be met again."
                )
                .required
                FieldDeclaration("free", AnswerMembers.count, "Of nothing.").required
            }, "Where keys and values are.")
        FieldDeclaration(
            "first_token_seconds", quantiles,
            "Until the first token, of the answers that ended in this time.")
        FieldDeclaration("between_tokens_seconds", quantiles, "Between two tokens of an answer.")
        FieldDeclaration("prompt_tokens_per_second", .number, "Computed.")
        FieldDeclaration("generated_tokens_per_second", .number, "Of answers.")
        FieldDeclaration("steps_per_second", .number, "Of the engine.")
        FieldDeclaration(
            "prefix_cache",
            .object {
                FieldDeclaration("hit_tokens", AnswerMembers.count, "Of prompts, found.").required
                FieldDeclaration("missed_tokens", AnswerMembers.count, "Of prompts, computed.")
                    .required
                FieldDeclaration("evicted_blocks", AnswerMembers.count, "That gave way.").required
            }, "What prompts met in this time.")
        FieldDeclaration("preemptions", AnswerMembers.count, "Sequences that lost their blocks.")
        FieldDeclaration(
            "read_bytes_per_token", FieldKind.number.orNull,
            "Of weights, keys and values, by steps without prompts.")
        FieldDeclaration(
            "read_bytes_per_second", FieldKind.number.orNull,
            "The same, while these steps computed.")
    }

    static let key = FieldKind.object {
        FieldDeclaration(
            "key", FieldKind.string().orNull, "Its name; null for requests without one."
        )
        .required
        FieldDeclaration("prompt_tokens", AnswerMembers.count, "Of prompts that began.").required
        FieldDeclaration("generated_tokens", AnswerMembers.count, "Of answers.").required
    }

    static let request = FieldKind.object {
        FieldDeclaration("id", .string(), "Its x-request-id.").required
        FieldDeclaration("route", .string(), "What it asks for.").required
        FieldDeclaration("model", .string(), "Which model.").required
        FieldDeclaration("key", FieldKind.string().orNull, "The name of its key.").required
        FieldDeclaration("seconds", seconds, "Since it came.").required
        FieldDeclaration("prompt_tokens", AnswerMembers.count, "Of its prompts.").required
        FieldDeclaration(
            "answered_tokens", AnswerMembers.count,
            "Those that were told, which only streams do before the end."
        ).required
    }
}
