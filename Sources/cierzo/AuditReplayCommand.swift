// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import ArgumentParser
import Console
import Foundation
import Generation
import JSON
import ModelFiles
import Serving

extension Audit {
    /// Which line is meant, and what opens it.
    struct Line: ParsableArguments {
        @Argument(help: "The request's identity, as x-request-id told it.") var request: String
        @Option(help: ArgumentHelp("The folder of the records.", valueName: "folder"))
        var audit: String
        @Option(
            help: ArgumentHelp(
                "The number of the line, where several requests have that identity.",
                valueName: "number"))
        var sequence: Int?

        var record: AuditRecord {
            get throws { try AuditRecord(of: request, sequence: sequence, in: audit) }
        }
    }

    struct Keygen: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the key that content of records is sealed for.",
            discussion: """
                The private key goes to a new file that only its owner may read; the public one, \
                for the server's `audit-content-key`, to stdout. `openssl genpkey -algorithm \
                X25519` and `openssl pkey -pubout` make the same files.
                """)

        @Option(help: ArgumentHelp("The file of the private key.", valueName: "file"))
        var privateKey: String

        func run() throws {
            do {
                let key = try ContentKey.Private()
                try PrivateFile(privateKey).write(Array(key.pem.utf8), replacing: false)
                note("the key \(key.publicKey.id); whoever loses \(privateKey) loses all content")
                try StandardOutput.write(key.publicKey.pem)
            } catch {
                throw failure(error)
            }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the record of a request, and what was asked and answered.")

        @OptionGroup var line: Line
        @Option(
            help: ArgumentHelp(
                "The file of the private key; without it, content stays sealed.", valueName: "file"
            ))
        var privateKey: String?

        func run() throws {
            do {
                let record = try line.record
                var shown = record.members
                if let privateKey {
                    let content = try record.content(with: ContentKey.Private(path: privateKey))
                    shown["content"] = try JSONParser.parse(content)
                }
                try printLine(JSONValue.object(shown).serialized(.pretty))
            } catch {
                throw failure(error)
            }
        }
    }

    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Answer a request again, and compare that with the answer of then.",
            discussion: """
                Every token must be the same, whatever the server was doing besides: exit code 0 \
                says so, and 1 that something differs, which is named. The weights must be those \
                of the record; how they are multiplied, the context and the type of keys and \
                values are taken from it.
                """)

        @OptionGroup var line: Line
        @Option(help: ArgumentHelp("The file of the private key.", valueName: "file"))
        var privateKey: String
        @Option(help: "The model: a manifest, a GGUF or packed file, or a directory.")
        var model: String
        @Option(
            help: ArgumentHelp(
                "The LoRA adapter, where the record has one: a folder of PEFT's or a GGUF file.",
                valueName: "path"))
        var adapter: String?
        @Option(help: "Compute threads; the answer does not depend on them.") var threads: Int?
        @Flag(help: "One JSON object on stdout.") var json = false

        func run() async throws {
            let replay: AuditReplay
            do {
                replay = try await self.replay()
                try show(replay)
            } catch {
                throw failure(error)
            }
            guard case .same = replay.outcome else { throw ExitCode(1) }
        }

        private func replay() async throws -> AuditReplay {
            let record = try line.record
            let content = try AuditedContent(
                record.content(with: ContentKey.Private(path: privateKey)))
            let loaded = try LoadedModel(path: model)
            let adapter = try adapter(of: record, for: loaded)
            try check(loaded, adapter, record)
            guard let computation = record.members["computation"]?.objectValue,
                var assembly = EngineAssembly(computing: computation)
            else {
                throw AccessError.invalid(
                    path: record.place, place: "computation",
                    expected: "what this version knows of how to compute", found: "something else")
            }
            assembly.threads = threads
            assembly.maxSequences = max(assembly.maxSequences, content.choiceCount)
            let running = try ProgressLine.preparing(loaded.file) { [assembly] progress in
                try assembly.start(
                    loaded, named: record.members["model"]?.stringValue, build: Build.version,
                    progress: progress)
            }
            do {
                let answering = adapter.map(running.model.adapted) ?? running.model
                let replay = try await AuditReplay(of: content, by: answering)
                await running.engine.shutdown()
                return replay
            } catch {
                await running.engine.shutdown()
                throw error
            }
        }

        /// The adapter that has answered, under the name of then.
        private func adapter(
            of record: AuditRecord, for loaded: LoadedModel
        ) throws -> LoadedAdapter? {
            let recorded = record.members["adapter"]
            guard let name = recorded?["name"]?.stringValue else {
                guard adapter == nil else {
                    throw AccessError.wrong(
                        what: "adapter", expected: "none, as the record has none",
                        found: adapter ?? "")
                }
                return nil
            }
            guard let adapter else {
                throw AccessError.wrong(
                    what: "adapter", expected: "the path of the adapter '\(name)'", found: "none")
            }
            let opened = try AdapterFile.open(path: adapter, for: AdapterBase(loaded.file))
            if let hash = recorded?["sha256"]?.stringValue {
                let own = try WeightsHash.ofFile(opened.weightsPath)
                guard own == hash else {
                    throw AccessError.invalid(
                        path: record.place, place: "adapter.sha256",
                        expected: "that of \(adapter), \(own)", found: hash)
                }
            }
            return LoadedAdapter(name: name, adapter: opened)
        }

        /// Refuses other weights than those of the record, and tells of another build.
        private func check(
            _ loaded: LoadedModel, _ adapter: LoadedAdapter?, _ record: AuditRecord
        ) throws {
            func refuse(_ member: String, _ expected: String, _ found: String) -> AccessError {
                .invalid(
                    path: record.place, place: member,
                    expected: "the weights of \(model), \(found)", found: expected)
            }
            let recorded = record.members["fingerprint"]?.stringValue ?? ""
            let weights =
                loaded.weightsFingerprint() + (adapter.map { "-\($0.fingerprint)" } ?? "")
            guard recorded.hasSuffix("-\(weights)") else {
                throw refuse("fingerprint", String(recorded.suffix(weights.count)), weights)
            }
            if let hash = record.members["weights_sha256"]?.stringValue {
                let own = try WeightsHash.of(loaded.file)
                guard own == hash else { throw refuse("weights_sha256", hash, own) }
            }
            if !recorded.hasPrefix("cierzo-\(Build.version)-") {
                note("recorded by another build (\(recorded)) than this one, \(Build.version)")
            }
        }

        private func show(_ replay: AuditReplay) throws {
            if json {
                return try printLine(
                    JSONValue.object(
                        replay.outcome.json.merging([
                            "prompt_renders_same": .bool(replay.rendersSame),
                            "texts": .array(replay.texts.map { .string($0) }),
                        ])
                    ).serialized())
            }
            if !replay.rendersSame {
                note("the text of the request gives another prompt now; that of the record is used")
            }
            try printLine(replay.outcome.description)
        }
    }
}

extension AuditReplay.Outcome {
    fileprivate var description: String {
        func shown(_ token: Int32?) -> String { token.map { "\($0)" } ?? "nothing" }
        return switch self {
        case .same(let choices, let tokens):
            "the same: \(tokens) tokens of \(choices) choice\(choices == 1 ? "" : "s")"
        case .otherToken(let choice, let index, let recorded, let found):
            "differs: token \(index) of choice \(choice) was \(shown(recorded)), "
                + "and is \(shown(found))"
        case .otherEnd(let choice, let recorded, let found):
            "differs: choice \(choice) ended by '\(recorded)', and ends by '\(found)'"
        }
    }

    fileprivate var json: JSONObject {
        switch self {
        case .same(let choices, let tokens):
            ["same": true, "choices": .integer(choices), "tokens": .integer(tokens)]
        case .otherToken(let choice, let index, let recorded, let found):
            [
                "same": false, "choice": .integer(choice), "token": .integer(index),
                "recorded": recorded.map { .integer(Int($0)) } ?? .null,
                "found": found.map { .integer(Int($0)) } ?? .null,
            ]
        case .otherEnd(let choice, let recorded, let found):
            [
                "same": false, "choice": .integer(choice), "recorded": .string(recorded),
                "found": .string(found),
            ]
        }
    }
}

extension JSONObject {
    fileprivate func merging(_ other: JSONObject) -> JSONObject {
        var merged = self
        for (name, value) in other { merged[name] = value }
        return merged
    }
}
