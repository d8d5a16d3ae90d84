// SPDX-License-Identifier: Apache-2.0

import Generation
import HTTP
import HTTPTypes
import JSON
import Logging
import Serving

/// Hands what was planned to the engine, and makes a response of what comes of it.
struct GeneratedResponse: Sendable {
    let workers: RequestWorkers
    let logger: Logger
    let context: RequestContext

    private var configuration: APIServer.Configuration { context.backend.configuration }

    /// The response to a request that was planned.
    ///
    /// - Throws: `APIError` for what the engine refuses, and without heartbeats for what fails.
    func make(_ plan: consuming PlannedAnswer) async throws(APIError) -> ServerResponse {
        try context.fit(&plan.requests, fields: plan.fields)
        try context.reserve(plan.requests)
        context.place?.seed(&plan.requests)
        context.record.trail?.seed(&plan.requests)
        let promptCount = plan.requests.reduce(0) { $0 + $1.promptTokens.count }
        let answer = try plan.fields.naming { () throws(ServingError) in
            try plan.model.submit(
                plan.requests, for: context.asker, reading: plan.reading,
                queued: context.record.queued)
        }
        context.record.submitted(promptCount)
        context.record.trail?.submitted(plan.requests)
        // The answer may take long, and the engine has what it needs of the prompts.
        plan.requests = []
        return try await respond(with: answer, of: plan.model, plan.codec)
    }

    /// The response to a request for embeddings that was planned.
    ///
    /// - Throws: `APIError` for what the engine refuses, and without heartbeats for what fails.
    func make(_ plan: PlannedEmbedding) async throws(APIError) -> ServerResponse {
        var plan = plan
        try context.fit(&plan.requests, fields: plan.fields)
        try context.reserve(plan.requests)
        let count = plan.requests.count
        let promptCount = plan.requests.reduce(0) { $0 + $1.promptTokens.count }
        let (write, client) = (plan.write, context.client)
        let compute = try EmbeddingComputation(plan, context).begin(plan.requests)
        context.record.submitted(promptCount)
        context.record.trail?.submitted(plan.requests.map(\.promptTokens))
        return try await whole { [workers] () async throws(APIError) in
            let (vectors, usage) = try await compute()
            // Many are written where long bodies are read.
            guard count > 8 else { return try write(vectors, usage) }
            return try await workers.run(
                count * 4096, for: client, isRefusable: false
            ) { () throws(APIError) in try write(vectors, usage) }
        }
    }

    /// The response of JSON that is computed in another way.
    func make(
        _ compute: @escaping @Sendable (RequestContext) async throws(APIError) -> [UInt8]
    ) async throws(APIError) -> ServerResponse {
        try await whole { [context] () async throws(APIError) in try await compute(context) }
    }

    private func respond(
        with answer: Answer, of model: ServedModel, _ codec: some AnswerCodec
    ) async throws(APIError) -> ServerResponse {
        let kind = type(of: codec).kind
        let header = context.header(
            model, object: codec.streams ? kind.chunk : kind.whole, idPrefix: kind.idPrefix)
        if codec.streams { return stream(codec.stream(header), answer) }
        return try await whole { () async throws(APIError) in
            let collected = try await collect(answer)
            // Long ones are written where long bodies are read.
            guard codec.tellsTokens, collected.tokenCount > 1024 else {
                return try codec.whole(header, collected)
            }
            return try await workers.run(
                collected.tokenCount * 64, for: context.client, isRefusable: false
            ) { () throws(APIError) in try codec.whole(header, collected) }
        }
    }

    /// Waits for the whole answer, and counts what it consumed.
    private func collect(_ answer: Answer) async throws(APIError) -> CollectedAnswer {
        do throws(ServingError) {
            var collected = try await answer.collected(consumed: context.record.consumed)
            context.record.trail?.heard(collected)
            for (prompt, part) in collected.parts.enumerated() {
                guard let usage = part.usage else { continue }
                collected.receive(.usage(prompt: prompt, context.told(usage)))
            }
            return collected
        } catch {
            throw APIError(error)
        }
    }

    /// Sends what a stream makes of the events as they come, and heartbeats while it makes nothing.
    private func stream<Stream: AnswerStream>(
        _ stream: Stream, _ answer: Answer
    ) -> ServerResponse {
        // Half the interval: a silence is noticed at the second tick at the latest.
        let interval = configuration.keepAliveInterval / 2
        return .stream(Stream.framing) { writer in
            var stream = stream
            var isSilent = false
            do {
                var opening: [UInt8] = []
                stream.open(&opening)
                try await writer.write(opening)
                try await answer.forEach(tickingEvery: interval) { item in
                    switch item {
                    case .tick:
                        if isSilent {
                            var bytes: [UInt8] = []
                            stream.beat(&bytes)
                            try await writer.write(bytes)
                        }
                        isSilent = true
                    case .event(.failed(let choice, let error)):
                        context.record.trail?.heard(.failed(choice: choice, error))
                        throw APIError(error)
                    case .event(let event):
                        context.record.trail?.heard(event)
                        switch event {
                        case .usage(_, let usage):
                            context.record.consumed(usage)
                            // What is told is counted, whatever becomes of the process.
                            await context.record.commit(status: 200, isWhole: false)
                        case .output(_, _, let tokens): context.record.streamed(tokens.count)
                        default: break
                        }
                        var bytes: [UInt8] = []
                        stream.add(event, to: &bytes)
                        if bytes.isEmpty { break }
                        isSilent = false
                        try await writer.write(bytes)
                    }
                }
                try await writer.write(Stream.framing.ending)
            } catch let error as APIError {
                context.record.cutOff()
                context.record.failed(status: error.status(in: context.dialect))
                logger.error(
                    "stream failed: \(error)", metadata: ["request": "\(context.id)"])
                var bytes: [UInt8] = []
                stream.fail(error, to: &bytes)
                try await writer.write(bytes)
            }
        }
    }

    /// Answers with the JSON that is computed, all at once.
    ///
    /// With heartbeats the status is sent before: white space, which JSON allows before a value,
    /// resets the read timeouts of both SDKs until the answer is there. A failure then breaks the
    /// connection off, for a 200 must not carry an error.
    private func whole(
        _ compute: @escaping @Sendable () async throws(APIError) -> [UInt8]
    ) async throws(APIError) -> ServerResponse {
        guard configuration.sendsHeartbeats, context.place == nil else {
            return ServerResponse(
                status: .ok, contentType: "application/json", body: try await compute())
        }
        let interval = configuration.keepAliveInterval
        var head = HTTPResponse(status: .ok)
        head.headerFields[.contentType] = "application/json"
        return ServerResponse(
            head: head,
            body: .stream { writer in
                let json = try await withThrowingTaskGroup(of: [UInt8]?.self) { group in
                    group.addTask {
                        do throws(APIError) {
                            let json = try await compute()
                            await context.record.commit(status: 200)
                            return json
                        } catch {
                            // What ends because its client went away has not failed.
                            if !Task.isCancelled {
                                context.record.failed(status: error.status(in: context.dialect))
                            }
                            throw error
                        }
                    }
                    group.addTask {
                        while true {
                            try await Task.sleep(for: interval)
                            try await writer.write([UInt8(ascii: " ")])
                        }
                    }
                    let json = try await group.next() ?? nil
                    group.cancelAll()
                    return json ?? []
                }
                try await writer.write(json)
            })
    }
}
