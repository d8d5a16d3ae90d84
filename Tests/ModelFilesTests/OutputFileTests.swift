// SPDX-License-Identifier: Apache-2.0

import Foundation
import ModelFiles
import TestSupport
import Testing

@Suite struct OutputFileTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func path(_ name: String) -> String { "\(folder.path)/\(name)" }

    private var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() }
    }

    private func write(_ text: String, _ target: OutputPath) throws {
        var file = try OutputFile(target)
        try file.write(Array(text.utf8))
        try file.finish()
    }

    @Test func `a file appears whole under its name and nothing else is left`() throws {
        var file = try OutputFile(OutputPath(path("new")))
        try file.write(Array("text".utf8))
        #expect(!FileManager.default.fileExists(atPath: path("new")))
        try file.finish()
        #expect(try contents(path("new")) == Array("text".utf8))
        #expect(try names == ["new"])
    }

    @Test func `a file that is given up leaves nothing, and the old one stays`() throws {
        try folder.write("old", to: "file")
        var file = try OutputFile(OutputPath(path("file"), replaces: true))
        try file.write([1, 2, 3])
        #expect(try names.count == 2)
        _ = consume file
        #expect(try names == ["file"])
        #expect(try contents(path("file")) == Array("old".utf8))
    }

    @Test func `a regular file is replaced only where that was asked for`() throws {
        try folder.write("old", to: "file")
        try expectOneLineError(mentions: "it exists") {
            try write("new", OutputPath(path("file")))
        }
        #expect(try contents(path("file")) == Array("old".utf8))
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o600], ofItemAtPath: path("file"))
        try write("new", OutputPath(path("file"), replaces: true))
        #expect(try contents(path("file")) == Array("new".utf8))
        let attributes = try FileManager.default.attributesOfItem(atPath: path("file"))
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(try names == ["file"])
    }

    @Test func `a file that appears meanwhile is not replaced`() throws {
        let finishing = Finishing(try OutputFile(OutputPath(path("file"))))
        try folder.write("other", to: "file")
        try expectOneLineError(mentions: "it exists") { try finishing.finish() }
        #expect(try contents(path("file")) == Array("other".utf8))
        #expect(try names == ["file"])
    }

    @Test(arguments: [false, true])
    func `what is no regular file is never replaced`(replaces: Bool) throws {
        let manager = FileManager.default
        try manager.createDirectory(atPath: path("folder"), withIntermediateDirectories: false)
        try folder.write("kept", to: "folder/inside")
        try folder.write("kept", to: "real")
        for (link, target) in [
            ("link", path("real")), ("dangling", path("none")), ("to-folder", path("folder")),
        ] {
            try manager.createSymbolicLink(atPath: path(link), withDestinationPath: target)
        }
        try #require(unsafe mkfifo(path("pipe"), 0o600) == 0)
        let before = try names
        for (target, words) in [
            (path("folder"), "folder"), (path("folder/"), "folder"), (path("folder/."), "folder"),
            (path("folder/.."), "folder"), (path("none/"), "folder"), ("/", "folder"),
            (".", "folder"), (path("link"), "symbolic link"), (path("dangling"), "symbolic link"),
            (path("to-folder"), "symbolic link"), (path("pipe"), "pipe"), ("/dev/null", "device"),
            ("/dev/full", "device"), ("", "name of a file"), (path("none/file"), "no folder"),
            (path("real/file"), "not a folder"), (path(String(repeating: "x", count: 300)), "long"),
        ] {
            try expectOneLineError(mentions: words) {
                try write("new", OutputPath(target, replaces: replaces))
            }
        }
        #expect(try names == before)
        #expect(try contents(path("folder/inside")) == Array("kept".utf8))
        #expect(try contents(path("real")) == Array("kept".utf8))
    }

    @Test func `a folder that took the file's name meanwhile stays`() throws {
        let finishing = Finishing(try OutputFile(OutputPath(path("file"), replaces: true)))
        try FileManager.default.createDirectory(
            atPath: path("file"), withIntermediateDirectories: false)
        try expectOneLineError(mentions: "folder") { try finishing.finish() }
        #expect(try names == ["file"])
    }

    @Test func `what is read is never replaced, by whatever path`() throws {
        let manager = FileManager.default
        try folder.write("weights", to: "model")
        try manager.linkItem(atPath: path("model"), toPath: path("hard-link"))
        try manager.createDirectory(atPath: path("model.d"), withIntermediateDirectories: false)
        try folder.write("shard", to: "model.d/1.safetensors")
        try folder.write("{}", to: "model.d/config.json")
        try folder.write("older", to: "model.d/packed.cierzo")
        try manager.createSymbolicLink(atPath: path("way"), withDestinationPath: folder.path)
        let sources = [path("way/model"), path("model.d")]
        for name in [
            "model", "hard-link", "way/model", "model.d/1.safetensors", "way/model.d/config.json",
        ] {
            try expectOneLineError(mentions: "to be read") {
                try write("new", OutputPath(path(name), replaces: true, sources: sources))
            }
        }
        try write(
            "new", OutputPath(path("model.d/packed.cierzo"), replaces: true, sources: sources))
        #expect(try contents(path("model")) == Array("weights".utf8))
        #expect(try contents(path("model.d/packed.cierzo")) == Array("new".utf8))
    }
}

/// A file that a closure can finish.
private final class Finishing {
    private var file: OutputFile?

    init(_ file: consuming OutputFile) {
        self.file = consume file
    }

    func finish() throws {
        try file.take()?.finish()
    }
}
