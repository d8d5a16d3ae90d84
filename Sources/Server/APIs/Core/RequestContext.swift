// SPDX-License-Identifier: Apache-2.0

import Access
import Generation
import HTTP
import HTTPTypes
import Serving

/// What an endpoint knows of the request besides its body.
struct RequestContext: Sendable {
    /// What stands behind all endpoints.
    let backend: Backend

    /// The identity for `x-request-id`.
    let id: String

    /// The client's trace that it is a part of, if it is.
    var trace: TraceContext?

    /// The part of the path that stands for the endpoint's parameter.
    let parameter: String

    /// What stands after the `?`; empty if nothing does.
    let query: Substring

    /// The path as the client sent it; empty where there is none.
    var path: Substring = ""

    /// The peer's numeric address; empty where there is none.
    var address = ""

    /// How the client calls itself; empty if it does not say.
    let agent: String

    /// The fields that let a page read the answer.
    let browserFields: [(name: String, value: String)]

    /// The dialect of the answer.
    var dialect: Dialect

    /// Whether the path says which dialect it is.
    var isDialectForced = false

    /// Whose limits hold for the fields of the body.
    var rules: FieldRules {
        FieldRules(dialect: dialect, limits: backend.configuration.limits)
    }

    /// Whether its client says that token ids in it are of the model's own vocabulary.
    var allowsTokenInput = false

    /// Whose key it came with.
    var caller = Caller.anybody { didSet { record.isAsked(by: caller) } }

    /// Where it stands, if it is a line of a batch.
    var place: BatchPlace?

    /// The number of whoever takes turns with others: of the key, or where none is needed of the
    /// address, so that one of them who asks for much does not keep the others out.
    ///
    /// A key's batches have one of their own, so that nobody has to make up for them by day.
    var client: Int {
        if place != nil { return ~caller.number }
        return caller.number == 0 ? ClientNetwork(of: address).number : caller.number
    }

    /// Who asks, and what others let it share.
    var asker: Client {
        Client(
            number: client, owner: caller.owner, weight: caller.limits.weight ?? 1,
            priority: place == nil
                ? caller.limits.priority ?? 0 : GenerationRequest.backgroundPriority,
            sharesPrefixes: backend.configuration.sharesPrefixes || caller.number == 0,
            requestID: id)
    }

    /// The model of that name, or the default one where there is none.
    ///
    /// - Throws: `APIError` where there is none, or the key is not for it.
    func model(named name: String? = nil) throws(APIError) -> ServedModel {
        let model = try backend.model(named: name)
        guard caller.limits.allowsModel(model.description.isNamed) else {
            throw .forbidden(
                reason: "The key '\(caller.name)' is not for the model "
                    + "'\(EchoableText.of(model.description.name))'; GET /v1/models lists those "
                    + "that it is for.")
        }
        record.answers(with: model)
        return model
    }

    /// The models that whoever asks may know of.
    var slots: [ModelSlot] {
        backend.models.slotsWithAdapters.filter { slot in
            slot.description.map { caller.limits.allowsModel($0.isNamed) } ?? true
        }
    }

    /// The place of the model of that name, if whoever asks may know of it.
    func slot(named name: String) -> ModelSlot? {
        guard let slot = backend.models.slot(named: name) else { return nil }
        let isAllowed = slot.description.map { caller.limits.allowsModel($0.isNamed) } ?? true
        return isAllowed ? slot : nil
    }

    /// What is counted of it.
    let record: RequestRecord

    /// The client's own identity if it is harmless, else a new one.
    static func requestID(_ fields: HTTPFields) -> String {
        if let given = fields[name: "x-request-id"], (1...128).contains(given.utf8.count),
            given.utf8.allSatisfy(isHarmless)
        {
            return given
        }
        return randomHex()
    }

    /// Whether a client says that it has tokenized with the model's own vocabulary.
    static func allowsTokenInput(_ fields: HTTPFields) -> Bool {
        ["1", "true", "yes"].contains(fields[name: "x-allow-token-input"]?.lowercased() ?? "")
    }

    /// 32 hexadecimal digits.
    static func randomHex() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<2).map { _ in
            let digits = String(generator.next(), radix: 16)
            return String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }.joined()
    }

    /// What an answer of a model begins with.
    ///
    /// - Parameters:
    ///   - model: the model that answers.
    ///   - object: the kind of the answer.
    ///   - idPrefix: what its identity begins with, in dialects that tell.
    /// - Returns: the members.
    func header(_ model: ServedModel, object: String, idPrefix: String) -> AnswerHeader {
        AnswerHeader(
            id: (dialect.prefixesAnswerIDs ? idPrefix : "") + (place?.identity ?? Self.randomHex()),
            object: object, created: unixTime, model: model.description.name,
            systemFingerprint: model.fingerprint)
    }

    /// The time that answers tell, in seconds since 1970.
    var unixTime: Int { place?.unixTime ?? backend.unixTime() }

    /// What answers tell of what was consumed.
    func told(_ usage: Usage) -> Usage { place?.told(usage) ?? usage }

    private static func isHarmless(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
