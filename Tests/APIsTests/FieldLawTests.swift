// SPDX-License-Identifier: Apache-2.0

import APIs
import JSON
import ModelFiles
import Recognition
import Serving
import ServingSupport
import Testing

/// What is declared of an endpoint's fields is what its reader does.
@Suite struct FieldLawTests {
    /// An endpoint that takes a body, and how it is asked in a dialect.
    struct Asked: Sendable, CustomTestStringConvertible {
        let path: String
        let fields: FieldList
        let rules: FieldRules

        var testDescription: String { "\(rules.dialect.rawValue) \(path)" }

        /// The path that forces the dialect.
        var forcedPath: String { "/\(rules.dialect.rawValue)\(path)" }

        static let all: [Asked] = ServedContract.all.flatMap { served in
            // Keys and records need a key, which KeyRouteTests and AuditRouteTests have.
            guard let fields = served.contract?.request,
                served.contract?.needed != .keys, served.contract?.needed != .audit
            else {
                return [Asked]()
            }
            return served.dialects.map {
                Asked(path: served.path, fields: fields, rules: FieldRules(dialect: $0))
            }
        }
    }

    static func client() -> TestClient {
        var configuration = APIServer.Configuration()
        configuration.adapterDirectory = AdapterTests.folderPath
        // The descriptions of Anthropic's own tools are long, and a token here is a byte.
        let client = TestClient(
            configuration, engine: ScriptedEngine(contextLength: 8_192),
            tokenizer: ByteTokenizer(fillsGaps: true),
            batches: BatchRouteTests.exampleStore(),
            embedding: EmbeddingAbility(
                Pooling(.last), dimension: 8, hasScore: true, isEncoder: false))
        if let adapters = AdapterTests.loaded("support") { client.slot.announce(adapters) }
        return client
    }

    @Test func `every endpoint has a contract`() {
        let missing = ServedContract.all.filter { $0.contract == nil }
        #expect(missing.map { "\($0.method) \($0.path)" } == [])
    }

    @Test(arguments: Asked.all)
    func `no name is declared twice`(asked: Asked) {
        let names = asked.fields.names
        #expect(
            Set(names).count == names.count,
            "\(Dictionary(grouping: names) { $0 }.filter { $1.count > 1 }.keys)")
    }

    @Test(arguments: Asked.all)
    func `the least body and every example are taken`(asked: Asked) async throws {
        let client = Self.client()
        for place in asked.fields.places(asked.rules) {
            let samples =
                place.declaration.examples.isEmpty
                ? [place.declaration.sample(asked.rules)] : place.declaration.examples
            for sample in samples {
                let body = place.body(sample).serialized()
                let reply = try await client.post(asked.forcedPath, body)
                #expect(reply.status == 200, "\(place.path): \(body) gave \(reply.text)")
            }
        }
    }

    @Test(arguments: Asked.all)
    func `what is read is declared, and what is declared is read`(asked: Asked) async throws {
        let client = Self.client()
        let ledger = FieldLedger()
        let places = asked.fields.places(asked.rules)
        try await FieldLedger.$current.withValue(ledger) {
            for place in places {
                let samples = [place.declaration.sample(asked.rules)] + place.declaration.examples
                for sample in samples {
                    _ = try await client.post(asked.forcedPath, place.body(sample).serialized())
                }
            }
        }
        let declared = Set(places.map(\.path))
        let ignored = Set(
            places.filter { if case .ignored = $0.declaration.use { true } else { false } }
                .map(\.path))
        // Members of what is refused, or of what may be anything, have no declarations.
        let closed = places.filter { place in
            switch place.declaration.kind {
            case .values, .any, .map: true
            default: false
            }
        }.flatMap { [$0.path + ".", $0.path + "["] }
        let undeclared = ledger.paths.subtracting(declared).filter { path in
            !closed.contains { path.hasPrefix($0) }
        }
        #expect(undeclared.sorted() == [], "read and not declared")
        #expect(
            declared.subtracting(ignored).subtracting(ledger.paths).sorted() == [],
            "declared and never read")
        #expect(ledger.paths.intersection(ignored).sorted() == [], "ignored and yet read")
    }
}

/// Every field of numbers, of listed texts and of truth, with every kind of wrong value.
@Suite struct FieldMatrixTests {
    /// Values that some client has sent.
    private static let values: [(name: String, value: JSONValue)] = [
        ("negative", -1), ("very negative", .number(-1e18)), ("zero", 0), ("half", 0.5),
        ("1e18", .number(1e18)), ("NaN", "NaN"), ("number as text", "1"), ("empty text", ""),
        ("unknown text", "no such value"), ("true", true), ("list", []), ("list in list", [[]]),
        ("object", [:]), ("null", .null),
    ]

    private static func isMeasured(_ kind: FieldKind) -> Bool {
        switch kind {
        case .integer, .number, .boolean, .choice: true
        case .either(let kinds): kinds.contains(where: isMeasured)
        case .array(let element, _, _): isMeasured(element)
        default: false
        }
    }

    @Test(arguments: FieldLawTests.Asked.all)
    func `a field says of every value what its declaration says`(
        asked: FieldLawTests.Asked
    ) async throws {
        let client = FieldLawTests.client()
        var count = 0
        for place in asked.fields.places(asked.rules)
        where place.declaration.use == .read && Self.isMeasured(place.declaration.kind) {
            let validator = try SchemaValidator(
                SchemaDocument(.object(place.declaration.kind.schema(asked.rules))))
            for (name, value) in Self.values {
                count += 1
                let body = place.body(value).serialized()
                let reply = try await client.post(asked.forcedPath, body)
                let isTaken =
                    value.isNull
                    ? !place.declaration.isRequired : validator.accepts(value.serialized())
                let comment: Comment =
                    "\(place.path) \(name): \(body) gave \(reply.status) \(reply.text)"
                if isTaken {
                    #expect(reply.status == 200, comment)
                } else {
                    #expect(reply.status == asked.rules.dialect.invalidStatus, comment)
                    let name = try FieldName.of(reply, asked.rules.dialect)
                    // A part of a message is named as a whole.
                    let isPart = name.hasSuffix("]") && place.named.hasPrefix(name + ".")
                    #expect(name.hasPrefix(place.named) || isPart, comment)
                }
            }
            count += 1
            let reply = try await client.post(asked.forcedPath, place.body(nil).serialized())
            if place.declaration.isRequired {
                #expect(try FieldName.of(reply, asked.rules.dialect) == place.named)
            } else {
                #expect(reply.status == 200, "\(place.path) left out: \(reply.text)")
            }
        }
        print("field matrix: \(count) cases of \(asked.testDescription)")
        // An endpoint whose fields are all texts has nothing to measure.
        #expect(count > 0 || asked.fields.declarations.allSatisfy { !Self.isMeasured($0.kind) })
    }

    @Test(arguments: FieldLawTests.Asked.all, ["NaN", "Infinity", "-Infinity"])
    func `a number that JSON cannot write is refused by the field's name`(
        asked: FieldLawTests.Asked, number: String
    ) async throws {
        let client = FieldLawTests.client()
        for place in asked.fields.places(asked.rules)
        where place.declaration.use == .read && Self.isMeasured(place.declaration.kind) {
            let body = place.body("\u{1}").serialized().replacing(#""\u0001""#, with: number)
            let reply = try await client.post(asked.forcedPath, body)
            #expect(reply.status == asked.rules.dialect.invalidStatus, "\(body): \(reply.text)")
            let last = place.path.split(separator: ".").last ?? ""
            #expect(reply.text.contains(last.replacing("[]", with: "")), "\(body): \(reply.text)")
        }
    }
}

/// The field that an error names.
enum FieldName {
    static func of(_ reply: Reply, _ dialect: Dialect) throws -> String {
        let json = try reply.json
        guard let location = json["detail"]?[0]?["loc"]?.arrayValue else {
            let error = json["error"]
            // Anthropic and Ollama have the field in the message alone.
            let message = error?["message"]?.stringValue ?? error?.stringValue ?? ""
            return error?["param"]?.stringValue ?? json["param"]?.stringValue
                ?? message.prefix { $0 != ":" }.description
        }
        var path = ""
        for component in location.dropFirst() {
            switch component {
            case .string(let key): path += path.isEmpty ? key : "." + key
            case .integer(let index): path += "[\(index)]"
            default: break
            }
        }
        return path
    }
}

extension FieldList.Place {
    /// The path as errors name it.
    var named: String { path.replacing("[]", with: "[0]") }
}

extension Dialect {
    /// The status of a wrong field.
    var invalidStatus: Int { rawValue == "mistral" ? 422 : 400 }
}
