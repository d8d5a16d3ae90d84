// SPDX-License-Identifier: Apache-2.0

import JSON
import Jobs

/// How far a batch is, in Mistral's words.
enum BatchJobStatus: String, CaseIterable {
    case queued = "QUEUED"
    case running = "RUNNING"
    case success = "SUCCESS"
    case failed = "FAILED"
    case timeout = "TIMEOUT_EXCEEDED"
    case cancelling = "CANCELLATION_REQUESTED"
    case cancelled = "CANCELLED"

    init(_ status: BatchStatus) {
        self =
            switch status {
            case .validating: .queued
            case .inProgress, .finalizing: .running
            case .completed: .success
            case .failed: .failed
            case .expired: .timeout
            case .cancelling: .cancelling
            case .cancelled: .cancelled
            }
    }
}

extension StoredBatch {
    /// The object of OpenAI's API.
    func json(_ progress: BatchProgress?) -> JSONObject {
        func time(_ status: BatchStatus) -> JSONValue {
            times[status].map { .integer($0) } ?? .null
        }
        var object: JSONObject = [
            "id": .string(id), "object": "batch", "endpoint": .string(order.endpoint),
            "model": order.model.map { .string($0) } ?? .null,
            "errors": faults.isEmpty
                ? .null : ["object": "list", "data": .array(faults.map(\.json))],
            "input_file_id": .string(order.inputFiles[0]),
            "completion_window": .string(order.window), "status": .string(status.rawValue),
            "output_file_id": outputFile.map { .string($0) } ?? .null,
            "error_file_id": errorFile.map { .string($0) } ?? .null,
            "created_at": .integer(createdAt), "in_progress_at": time(.inProgress),
            "expires_at": .integer(expiresAt), "finalizing_at": time(.finalizing),
            "completed_at": time(.completed), "failed_at": time(.failed),
            "expired_at": time(.expired), "cancelling_at": time(.cancelling),
            "cancelled_at": time(.cancelled),
            "request_counts": [
                "total": .integer(totalCount), "completed": .integer(completedCount),
                "failed": .integer(failedCount),
            ],
            "usage": [
                "input_tokens": .integer(usage.promptTokens),
                "input_tokens_details": ["cached_tokens": .integer(usage.cachedTokens)],
                "output_tokens": .integer(usage.completionTokens),
                "output_tokens_details": ["reasoning_tokens": .integer(usage.thinkingTokens)],
                "total_tokens": .integer(usage.promptTokens + usage.completionTokens),
            ],
            "metadata": order.metadata.map { .object($0) } ?? .null,
        ]
        if let progress, let told = told(progress) { object["progress"] = told }
        return object
    }

    /// The object of Mistral's API, without the answers.
    func jobJSON(_ progress: BatchProgress?) -> JSONObject {
        let messages = Dictionary(grouping: faults, by: { $0.message })
        var told: Set<String> = []
        let errors = faults.filter { told.insert($0.message).inserted }.map { fault -> JSONValue in
            let place = fault.line.map { "line \($0): " } ?? ""
            return [
                "message": .string(place + fault.message),
                "count": .integer(messages[fault.message]?.count ?? 1),
            ]
        }
        let end = BatchStatus.allCases.filter(\.isFinal).compactMap { times[$0] }.first
        var object: JSONObject = [
            "id": .string(id), "object": "batch",
            "input_files": .array(order.inputFiles.map { .string($0) }),
            "metadata": order.metadata.map { .object($0) } ?? .null,
            "endpoint": .string(order.endpoint),
            "model": order.model.map { .string($0) } ?? .null, "agent_id": .null,
            "output_file": outputFile.map { .string($0) } ?? .null,
            "error_file": errorFile.map { .string($0) } ?? .null, "errors": .array(errors),
            "status": .string(BatchJobStatus(status).rawValue),
            "created_at": .integer(createdAt),
            "started_at": times[.inProgress].map { .integer($0) } ?? .null,
            "completed_at": end.map { .integer($0) } ?? .null,
            "total_requests": .integer(totalCount), "completed_requests": .integer(doneCount),
            "succeeded_requests": .integer(completedCount),
            "failed_requests": .integer(failedCount),
        ]
        if let progress, let told = self.told(progress) { object["progress"] = told }
        return object
    }

    /// How it is getting on; nil where nobody works on it.
    private func told(_ progress: BatchProgress) -> JSONValue? {
        guard !status.isFinal, totalCount > 0 else { return nil }
        return [
            "fraction": .number(Double(doneCount) / Double(totalCount)),
            "running": .integer(progress.runningCount),
            "seconds_left": progress.secondsLeft.map { .integer($0) } ?? .null,
        ]
    }
}

extension EndpointContract {
    /// A file's id, for descriptions.
    package static let exampleFile = "0b6e3c1e-7c1d-4d52-9f5e-3f1d2a4b5c60"

    private static let count = AnswerMembers.count
    private static let time = AnswerMembers.count.orNull
    private static let id = FieldKind.string().orNull

    private static let progress = FieldDeclaration(
        "progress",
        .object {
            FieldDeclaration("fraction", .number, "How much of it is done, from 0 to 1.").required
            FieldDeclaration("running", count, "The lines that are being answered.").required
            FieldDeclaration(
                "seconds_left", count.orNull, "The time until it is done, if it goes on like this."
            ).required
        }, "How it is getting on, while somebody works on it.")

    private static let timeMembers = [
        "in_progress_at", "finalizing_at", "completed_at", "failed_at", "expired_at",
        "cancelling_at", "cancelled_at",
    ].map { FieldDeclaration($0, time, "When it got so far.").required }

    /// A batch, as OpenAI has it.
    private static let batchObject = FieldList {
        FieldDeclaration("id", .string(), "Its identity.").required
        FieldDeclaration("object", .choice(["batch"]), "The kind.").required
        FieldDeclaration("endpoint", .string(), "What its lines ask.").required
        FieldDeclaration("model", id, "The model of its lines, where it is one.").required
        FieldDeclaration(
            "errors",
            .object {
                FieldDeclaration("object", .choice(["list"]), "The kind.").required
                FieldDeclaration(
                    "data",
                    .array(
                        of: .object {
                            FieldDeclaration("code", .string(), "What it is, for programs.")
                                .required
                            FieldDeclaration("message", .string(), "What it is.").required
                            FieldDeclaration("param", id, "The member.").required
                            FieldDeclaration("line", time, "The line, from 1.").required
                        }), "Each fault, up to 100."
                ).required
            }.orNull, "What is wrong with its lines."
        ).required
        FieldDeclaration("input_file_id", .string(), "The file of its lines.").required
        FieldDeclaration("completion_window", .string(), "The time that it has.").required
        FieldDeclaration(
            "status", .choice(BatchStatus.allCases.map(\.rawValue)), "How far it is."
        ).required
        FieldDeclaration("output_file_id", id, "The file of answers.").required
        FieldDeclaration("error_file_id", id, "The file of errors.").required
        FieldDeclaration("created_at", count, "In Unix seconds.").required
        FieldDeclaration("expires_at", count, "When its time is over.").required
        timeMembers
        FieldDeclaration(
            "request_counts",
            .object {
                FieldDeclaration("total", count, "All lines.").required
                FieldDeclaration("completed", count, "Those with an answer.").required
                FieldDeclaration("failed", count, "Those with an error.").required
            }, "Its lines."
        ).required
        FieldDeclaration(
            "usage",
            .object {
                FieldDeclaration("input_tokens", count, "Those of prompts.").required
                FieldDeclaration(
                    "input_tokens_details",
                    .object {
                        FieldDeclaration("cached_tokens", count, "Those not computed again.")
                            .required
                    }, "More of them."
                ).required
                FieldDeclaration("output_tokens", count, "Those of answers.").required
                FieldDeclaration(
                    "output_tokens_details",
                    .object {
                        FieldDeclaration("reasoning_tokens", count, "Those of thoughts.").required
                    }, "More of them."
                ).required
                FieldDeclaration("total_tokens", count, "All.").required
            }, "The tokens of all answers."
        ).required
        FieldDeclaration(
            "metadata", FieldKind.map(of: .string()).orNull, "What its client keeps with it."
        ).required
        progress
    }

    /// A job, as Mistral has it.
    private static let jobObject = FieldList {
        FieldDeclaration("id", .string(), "Its identity.").required
        FieldDeclaration("object", .choice(["batch"]), "The kind.").required
        FieldDeclaration("input_files", .array(of: .string()), "The files of its lines.").required
        FieldDeclaration(
            "metadata", FieldKind.map(of: .string()).orNull, "What its client keeps with it."
        ).required
        FieldDeclaration("endpoint", .string(), "What its lines ask.").required
        FieldDeclaration("model", id, "The model of its lines, where it is one.").required
        FieldDeclaration("agent_id", .null, "Always null.").required
        FieldDeclaration("output_file", id, "The file of answers.").required
        FieldDeclaration("error_file", id, "The file of errors.").required
        FieldDeclaration(
            "errors",
            .array(
                of: .object {
                    FieldDeclaration("message", .string(), "What is wrong.").required
                    FieldDeclaration("count", count, "How often.").required
                }), "What is wrong with its lines."
        ).required
        FieldDeclaration(
            "status", .choice(BatchJobStatus.allCases.map(\.rawValue)), "How far it is."
        ).required
        FieldDeclaration("created_at", count, "In Unix seconds.").required
        FieldDeclaration("started_at", time, "When its lines were begun.").required
        FieldDeclaration("completed_at", time, "When it ended.").required
        FieldDeclaration("total_requests", count, "All lines.").required
        FieldDeclaration("completed_requests", count, "Those that are done.").required
        FieldDeclaration("succeeded_requests", count, "Those with an answer.").required
        FieldDeclaration("failed_requests", count, "Those with an error.").required
        FieldDeclaration(
            "outputs", .array(of: .map(of: .any)),
            "The lines of both files, in the order of the input, where they are asked for.")
        progress
    }

    /// `POST /v1/batches`.
    static let makeBatch = jobs(
        "Have many requests answered when there is time.", takes: BatchFields.list,
        gives: batchObject)

    /// `GET /v1/batches/{id}`.
    static let batch = jobs("A batch.", gives: batchObject)

    /// `GET /v1/batches`.
    static let batches = jobs(
        "The batches of whoever asks, the newest first.",
        gives: FieldList {
            FieldDeclaration("object", .choice(["list"]), "The kind of the answer.").required
            FieldDeclaration("data", .array(of: .object(batchObject)), "The batches.").required
            FieldDeclaration("first_id", id, "The id of the first one.").required
            FieldDeclaration("last_id", id, "The id of the last one.").required
            FieldDeclaration("has_more", .boolean, "Whether others follow.").required
        }
    ).queried(BatchListFields.list)

    /// `POST /v1/batches/{id}/cancel`.
    static let cancelBatch = jobs(
        "End a batch, and keep what was answered.", gives: batchObject)

    /// `POST /v1/batch/jobs`.
    static let makeJob = jobs(
        "Have many requests answered when there is time.", takes: BatchJobFields.list,
        gives: jobObject)

    /// `GET /v1/batch/jobs/{id}`.
    static let job = jobs("A batch.", gives: jobObject).queried(BatchJobShowFields.list)

    /// `GET /v1/batch/jobs`.
    static let jobs = jobs(
        "The batches of whoever asks.",
        gives: FieldList {
            FieldDeclaration("object", .choice(["list"]), "The kind of the answer.").required
            FieldDeclaration("data", .array(of: .object(jobObject)), "The batches.").required
            FieldDeclaration("total", count, "How many there are on all pages.").required
        }
    ).queried(BatchJobListFields.list)

    /// `POST /v1/batch/jobs/{id}/cancel`.
    static let cancelJob = jobs("End a batch, and keep what was answered.", gives: jobObject)

    /// `DELETE /v1/batch/jobs/{id}`.
    static let removeJob = jobs(
        "Forget a batch that has ended; its files stay.",
        gives: FieldList {
            FieldDeclaration("id", .string(), "What its identity was.").required
            FieldDeclaration("object", .choice(["batch"]), "The kind.").required
            FieldDeclaration("deleted", .boolean, "Always true.").required
        })

    private static func jobs(
        _ summary: String, takes fields: FieldList? = nil, gives members: FieldList
    ) -> EndpointContract {
        EndpointContract(summary, takes: fields, gives: .object(members)).needing(.batches)
    }
}
