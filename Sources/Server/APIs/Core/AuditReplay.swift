// SPDX-License-Identifier: Apache-2.0

import Generation
import HTTP
import HTTPTypes
import JSON
import Logging
package import Serving
import Telemetry

/// Answers a recorded request once more, and says whether that is the answer of then.
///
/// The body is read by the endpoint that read it then, so that tools, forms and all other fields mean
/// the same; the ids of the prompts, the seeds and what settings decided are those of the record.
package struct AuditReplay: Sendable {
    /// What came of it.
    package enum Outcome: Hashable, Sendable {
        /// Every token is the same, and so is how each choice ended.
        case same(choiceCount: Int, tokenCount: Int)

        /// The first token of a choice that is another one; nil where there is none any more.
        case otherToken(choice: Int, index: Int, recorded: Int32?, found: Int32?)

        /// A choice has the same tokens and ended in another way.
        case otherEnd(choice: Int, recorded: String, found: String)
    }

    /// Why there is nothing to compare.
    package enum Failure: Error, Hashable, CustomStringConvertible {
        /// The path of the request is none that generates.
        case notGenerating(path: String)
        /// The dialect is none that this version knows.
        case unknownDialect(String)
        /// The request is refused now.
        case refused(String)
        /// The body gives another number of prompts.
        case promptCount(recorded: Int, found: Int)

        /// One line.
        package var description: String {
            switch self {
            case .notGenerating(let path): "\(path) generates nothing that could be compared"
            case .unknownDialect(let name): "this version knows no dialect '\(name)'"
            case .refused(let reason): "this version refuses the request: \(reason)"
            case .promptCount(let recorded, let found):
                "the request had \(recorded) prompts and has \(found) now"
            }
        }
    }

    /// What came of it.
    package let outcome: Outcome

    /// The texts of the choices as they are now.
    package let texts: [String]

    /// Whether the text of the request gives the ids of the record now.
    ///
    /// A prompt with today's date in it, or with what was stored before it, does not; it is answered by
    /// the ids of the record.
    package let rendersSame: Bool

    /// Answers a request again.
    ///
    /// - Parameters:
    ///   - content: the request and its answer.
    ///   - model: the model of then, by the name of then.
    /// - Throws: ``Failure``, or `ServingError` where the model cannot answer.
    package init(of content: AuditedContent, by model: ServedModel) async throws {
        var plan = try Self.plan(content, model)
        guard plan.requests.count == content.runs.count else {
            throw Failure.promptCount(recorded: content.runs.count, found: plan.requests.count)
        }
        rendersSame = zip(plan.requests, content.runs).allSatisfy { $0.promptTokens == $1.prompt }
        for (index, run) in content.runs.enumerated() { run.restore(&plan.requests[index]) }
        let answer = try await plan.model.submit(
            plan.requests, for: Client(), reading: plan.reading
        ).collected()
        let choices = answer.parts.flatMap(\.choices)
        texts = choices.map(\.text)
        outcome = Self.compare(content.replies, choices)
    }

    /// What the engine would be given for the body now.
    private static func plan(
        _ content: AuditedContent, _ model: ServedModel
    ) throws -> PlannedAnswer {
        let asked = content.asked
        let route = Route(path: asked.path)
        guard case .toBody(let read)? = route.endpoint(for: .post)?.answer else {
            throw Failure.notGenerating(path: EchoableText.of(asked.path))
        }
        guard let dialect = Dialect.all.first(where: { $0.name == asked.dialect }) else {
            throw Failure.unknownDialect(EchoableText.of(asked.dialect))
        }
        do throws(APIError) {
            var body = withoutStorage(try APIServer.parse(asked.body()))
            // The name may have been an alias of that server's.
            if body["model"] != nil { body["model"] = .string(model.description.name) }
            let plan = try read(body, context(asked, route, dialect, model))
            guard case .generation(let answer) = plan else {
                throw APIError.failed(reason: "it generates nothing")
            }
            return answer
        } catch {
            throw Failure.refused("\(error)")
        }
    }

    private static func context(
        _ asked: AuditedContent.Asked, _ route: Route, _ dialect: Dialect, _ model: ServedModel
    ) -> RequestContext {
        let registry = MetricsRegistry()
        let models = ModelRegistry()
        models.announce(model.description).serve(model)
        let backend = Backend(
            configuration: APIServer.Configuration(), needsKey: false, access: nil,
            models: models, storage: nil, files: nil, registry: registry, unixTime: { 0 })
        let id = RequestContext.randomHex()
        return RequestContext(
            backend: backend, id: id, trace: nil, parameter: route.parameter, query: "",
            agent: asked.agent, browserFields: [], dialect: dialect,
            isDialectForced: route.forcedDialect != nil,
            allowsTokenInput: asked.allowsTokenInput,
            record: RequestRecord(
                id: id, trace: nil, route: route.name(for: .post),
                metrics: RequestMetrics(registry: registry),
                logger: Logger(label: "cierzo.replay")))
    }

    /// A body that needs nothing that a server had stored: all of it is in the ids of the prompt.
    private static func withoutStorage(_ body: JSONObject) -> JSONObject {
        var body = body
        body["store"] = nil
        let items = body["input"]?.arrayValue ?? []
        let previous = body["previous_response_id"]?.stringValue ?? ""
        if !previous.isEmpty || items.contains(where: ResponseInput.isReference) {
            body["previous_response_id"] = nil
            body["input"] = "-"
        }
        return body
    }

    private static func compare(
        _ replies: [AuditedContent.Reply], _ choices: [CollectedAnswer.Choice]
    ) -> Outcome {
        var tokenCount = 0
        for reply in replies {
            let choice = choices.indices.contains(reply.choice) ? choices[reply.choice] : nil
            let found = choice?.tokens.map(\.id) ?? []
            let count = reply.isWhole ? max(reply.tokens.count, found.count) : reply.tokens.count
            for index in 0..<count {
                let then = reply.tokens.indices.contains(index) ? reply.tokens[index] : nil
                let now = found.indices.contains(index) ? found[index] : nil
                if then != now {
                    return .otherToken(
                        choice: reply.choice, index: index, recorded: then, found: now)
                }
            }
            let end: AnswerEvent.End? = try? choice?.end()
            let name = end?.name(in: .openAI) ?? "failed"
            if reply.isWhole, let recorded = reply.end, recorded != name {
                return .otherEnd(choice: reply.choice, recorded: recorded, found: name)
            }
            tokenCount += reply.tokens.count
        }
        return .same(choiceCount: replies.count, tokenCount: tokenCount)
    }
}
