// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTP
import Serving
import Testing
import cierzo

@Suite struct ModelListTests {
    private func records(_ text: String) throws -> [ModelRecord] {
        try withConfigurationFile(text) { path in
            try Settings(flags: [:], file: path, environment: [:]).configuration.models
        }
    }

    private func error(_ text: String) -> SettingsError? {
        do {
            _ = try records(text)
            return nil
        } catch {
            return error as? SettingsError
        }
    }

    @Test func `an entry says all that is known of a model`() throws {
        let text = """
            port: 1
            models:
              # The chat model.
              - path: a.gguf
                name: small
                aliases: [tiny, "the little one"]
                priority: 3

                pinned: true
                defaults:
                  temperature: 0.25
                  max-tokens: 100
                limits:
                  context: 4096   # tokens
                  kv-memory: 64
                  kv-type: q8
              - path: "b.gguf"
            max-queue: 7
            """
        let models = try records(text)
        #expect(models.map(\.path) == ["a.gguf", "b.gguf"])
        #expect(models[0].name == "small")
        #expect(models[0].aliases == ["tiny", "the little one"])
        #expect(models[0].priority == 3)
        #expect(models[0].isPinned)
        #expect(models[0].temperature == 0.25)
        #expect(models[0].maxTokens == 100)
        #expect(models[0].limits[key: "context"] == .number(4096))
        #expect(models[1].limits == ModelRecord.Limits())
        try withConfigurationFile(text) { path in
            let settings = try Settings(flags: [:], file: path, environment: [:])
            #expect(settings.configuration.http.port == 1)
            #expect(
                settings.listing().contains(
                    "[{path: a.gguf, name: small, aliases: [tiny, the little one], priority: 3, "
                        + "pinned: true, defaults.temperature: 0.25, defaults.max-tokens: 100, "
                        + "limits.context: 4096, limits.kv-memory: 64, limits.kv-type: q8}, "
                        + "{path: b.gguf}]  # \(path)"))
            let entries = try settings.configuration.validatedModels()
            #expect(entries.map(\.isPinned) == [true, false])
            #expect(entries[0].assembly.context == 4096)
            #expect(entries[0].assembly.kvByteCount == 64 << 20)
            #expect(entries[0].assembly.share == 3)
            #expect(entries.map(\.assembly.maxQueue) == [7, 7])
        }
    }

    @Test(
        arguments: [
            "models:\n- a=one.gguf\n- two.gguf\n", "models: [a=one.gguf, two.gguf]\n",
            "models:\n  - path: one.gguf\n    name: a\n  -\n    path: two.gguf\n",
            "models:\r\n  - \"a=one.gguf\"\r\n  - two.gguf\r\nport: 1\r\n",
        ])
    func `entries may be as short as flags, and stand in any way that YAML knows`(
        _ text: String
    ) throws {
        let models = try records(text)
        #expect(models.map(\.path) == ["one.gguf", "two.gguf"])
        #expect(models.map(\.name) == ["a", nil])
    }

    @Test func `flags and variables name models, and win over the file`() throws {
        try withConfigurationFile("models:\n  - path: c.gguf\n") { path in
            let settings = try Settings(
                flags: flags(["--models", "small=a.gguf", "dir/x=y/b.gguf"]), file: path,
                environment: [:])
            #expect(
                settings.configuration.models.map(\.text) == ["small=a.gguf", "dir/x=y/b.gguf"])
            #expect(settings.configuration.models.map(\.name) == ["small", nil])
        }
    }

    @Test func `what is wrong is told with its line`() {
        guard case .unknownKey("models[1].pth", _, 4)? = error("models:\n- a\n\n- pth: b\n") else {
            Issue.record("an unknown key")
            return
        }
        guard
            case .unknownKey("models[0].limits.contxt", _, 4)? = error(
                "models:\n - path: a\n   limits:\n     contxt: 1\n")
        else {
            Issue.record("an unknown key of a group")
            return
        }
        guard
            case .invalid("models[0].limits.context", _, let expected, "1")? = error(
                "models:\n - path: a\n   limits:\n     context: 1\n")
        else {
            Issue.record("a value out of range")
            return
        }
        #expect(expected == "a whole number (tokens) from 16 to 16777216")
        for text in ["models:\n - path: a\n   limits: {context: 1}\n", "models:\n - {path: a}\n"] {
            guard case .invalid(_, _, _, _)? = error(text) else {
                Issue.record("braces: \(text)")
                continue
            }
        }
        guard
            case .invalid(
                "models[0].lora", _, "its name 'adapters', with a list of NAME=PATH", _)? = error(
                    "models:\n - path: a\n   lora: b\n")
        else {
            Issue.record("an adapter by another server's name")
            return
        }
    }

    @Test func `a model alone has no limit that nobody set, several share four fifths`() throws {
        func entries(_ arguments: [String]) throws -> [ModelEntry] {
            try Settings(flags: flags(arguments), file: nil, environment: [:])
                .configuration.validatedModels()
        }
        let one = try entries(["--model", "a.gguf"])
        #expect(one.map(\.isPinned) == [true])
        #expect(one[0].assembly.memoryByteCount == nil)
        let two = try entries(["--model", "a.gguf", "--models", "b=b.gguf"])
        #expect(two.map(\.name) == [nil, "b"])
        #expect(two.map(\.isPinned) == [false, false])
        #expect(
            two[0].assembly.memoryByteCount
                == MemoryLimit.standard.byteCount(of: MachineMemory.byteCount()))
        let limited = try entries(["--model", "a.gguf", "--memory-limit", "1.5GiB"])
        #expect(limited[0].assembly.memoryByteCount == 3 << 29)
        #expect(throws: SettingsError.self) { try entries([]) }
    }

    @Test(arguments: ["12", "12XB", "-1GiB", "0%", "101%", "1.5%", "GiB", "1e999GiB", "9999999TiB"])
    func `a memory limit needs a unit that is known, and a size that could be`(_ text: String) {
        #expect(MemoryLimit(text) == nil)
    }

    @Test(
        arguments: [
            ("12GiB", MemoryLimit.bytes(12 << 30), "12GiB"), ("0.5GiB", .bytes(1 << 29), "512MiB"),
            ("64Gi", .bytes(64 << 30), "64GiB"), ("3MB", .bytes(3_000_000), "3000000B"),
            ("80%", .percent(80), "80%"), ("100 MiB", .bytes(100 << 20), "100MiB"),
        ])
    func `a memory limit is read and written`(_ text: String, _ limit: MemoryLimit, _ shown: String)
    {
        #expect(MemoryLimit(text) == limit)
        #expect(limit.description == shown)
        #expect(MemoryLimit(limit.description) == limit)
    }
}
