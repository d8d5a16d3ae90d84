// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Console
import Downloading
import Foundation
import JSON

struct Pull: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Fetch a model from the Hugging Face hub or a mirror of it.",
        discussion: """
            Nothing else in Cierzo fetches anything, and this only what it is asked for: the \
            model's files to models/weights, and a manifest to models that says where they come \
            from. Of a repository with several GGUF files choose one by the type of its weights; \
            the parts of a split one come together. Safetensors come with config and tokenizer.

              cierzo pull bartowski/Mixtral-8x7B-Instruct-v0.1-GGUF --list
              cierzo pull bartowski/Mixtral-8x7B-Instruct-v0.1-GGUF --type Q4_K_M
              cierzo pull mistralai/Mistral-7B-Instruct-v0.3

            What arrives is compared with the digests of the hub's listing before it gets its \
            name. Interrupted, by Ctrl-C or otherwise, the same command goes on where it ended; \
            run again later, it only checks what is there.

            HF_TOKEN opens models that need a token; it is sent to the hub (or --mirror) alone, \
            never to where that redirects. HF_ENDPOINT is --mirror as a variable. https_proxy and \
            no_proxy are heeded.
            """)

    @Argument(help: "The repository, as OWNER/NAME.") var model: String
    @Option(help: "The file to fetch, of a repository with several.") var file: String?
    @Option(help: "The type of weights to fetch: Q4_K_M, Q8_0, safetensors …") var type: String?
    @Flag(help: "List what there is, and fetch nothing.") var list = false
    @Option(help: "A branch, a tag or a commit.") var revision = "main"
    @Option(
        help: ArgumentHelp(
            "The address of a mirror. Default: HF_ENDPOINT, or \(ModelHub.standardAddress).",
            valueName: "address"))
    var mirror: String?
    @Option(
        help: ArgumentHelp(
            "Certificates (PEM) to trust in place of the system's.", valueName: "file"))
    var caCertificate: String?
    @Option(help: "The folder of manifests; weights go to its weights/.") var folder = "models"
    @Flag(help: "Replace files that are another version.") var force = false
    @Flag(help: "One JSON object on stdout.") var json = false

    func run() throws {
        do {
            try pull()
        } catch {
            throw failure(error)
        }
    }

    private func pull() throws {
        let environment = ProcessInfo.processInfo.environment
        var configuration = HTTPSClient.Configuration()
        configuration.token = environment["HF_TOKEN"].flatMap { $0.isEmpty ? nil : $0 }
        configuration.authorities = caCertificate
        configuration.userAgent = "cierzo/\(Build.version)"
        let variable = environment["HF_ENDPOINT"].flatMap { $0.isEmpty ? nil : $0 }
        let hub = try ModelHub(mirror ?? variable ?? ModelHub.standardAddress, configuration)
        let patience = Patience { note("pull: \($0)") }
        let repository = try hub.repository(model, revision: revision, patience: patience)
        if list { return try show(repository) }
        let variant = try repository.variant(file: file, type: type)
        note(
            "\(repository.name) at \(repository.commit.prefix(12)): \(byteText(variant.byteCount))"
                + " from \(hub.address)")
        SignalWatch.shared.take { signal in
            note("\nstopped; the same command goes on from here")
            SignalWatch.end(signal)
        }
        let line = ProgressLine("fetching")
        let speed = TransferSpeed()
        defer { line.finish() }
        let result = try ModelPull(from: hub, into: folder, replaces: force).run(
            variant, of: repository, patience: patience
        ) { progress in
            let share = Double(progress.doneByteCount) / Double(max(1, progress.byteCount))
            line.update(
                share,
                progress.isChecking
                    ? "checking \(progress.file)"
                    : "\(speed.text(progress.doneByteCount, of: progress.byteCount)) \(progress.file)"
            )
        }
        line.finish()
        try show(result, of: repository, variant)
    }

    private func show(
        _ result: ModelPull.Result, of repository: ModelRepository, _ variant: ModelVariant
    ) throws {
        guard !json else {
            return try printLine(
                JSONValue.object([
                    "manifest": .string(result.manifest), "weights": .string(result.weights),
                    "revision": .string(repository.commit), "type": .string(variant.type),
                    "bytes": .integer(variant.byteCount),
                    "kept_bytes": .integer(result.keptByteCount),
                ]).serialized())
        }
        let kept = result.keptByteCount == variant.byteCount ? ", all of it was there" : ""
        note("\(result.weights): \(byteText(variant.byteCount)), checked\(kept)")
        note(
            "manifest \(result.isNew ? "written" : "kept"); serve it with "
                + "`cierzo serve --model \(result.manifest)`")
        try printLine(result.manifest)
    }

    private func show(_ repository: ModelRepository) throws {
        let variants = repository.variants
        guard !json else {
            let models = variants.map { variant in
                JSONValue.object([
                    "type": .string(variant.type), "bytes": .integer(variant.byteCount),
                    "whole": .bool(variant.isWhole),
                    "files": .array(variant.files.map { .string($0.text) }),
                ])
            }
            return try printLine(
                JSONValue.object([
                    "repository": .string(repository.name),
                    "revision": .string(repository.commit), "models": .array(models),
                ]).serialized(.pretty))
        }
        try printLine("type                size  files")
        for variant in variants {
            let size = byteText(variant.byteCount)
            let name =
                variant.folder == nil
                ? variant.files[0].text
                    + (variant.files.count > 1 ? " and \(variant.files.count - 1) more" : "")
                : "\(variant.files.count) files"
            try printLine(
                variant.type.padding(toLength: 12, withPad: " ", startingAt: 0)
                    + String(repeating: " ", count: max(0, 12 - size.count)) + size + "  " + name)
        }
        if variants.isEmpty { note("neither GGUF files nor safetensors are in it") }
    }
}
