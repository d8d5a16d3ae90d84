// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Testing
import cierzo

@Suite struct CommandLineTests {
    /// The exit code and the words with which the command line ends instead of running a command.
    private func ending(_ arguments: [String]) -> (code: Int32, message: String)? {
        do {
            var command = try CierzoCommand.parseAsRoot(arguments)
            // What asks for help is a command of its own.
            if arguments.last == "--help" { try command.run() }
            return nil
        } catch {
            return (
                CierzoCommand.exitCode(for: error).rawValue, CierzoCommand.fullMessage(for: error)
            )
        }
    }

    @Test(arguments: [
        ["serve", "--bogus"], ["serve", "--port", "many"], ["serve", "--port"], ["serve", "extra"],
        ["generate"], ["generate", "--model", "m", "--kv-type", "f8"],
        ["generate", "--model", "m", "--pin", "sometimes"], ["inspect"], ["pack"], ["upcycle"],
        ["quantize", "a"], ["bench", "--model", "m", "--batch"], ["nonsense"],
        ["pull"], ["pull", "o/m", "--type"], ["plan"], ["doctor", "--threads", "all"],
        ["keys", "add"], ["keys", "rotate"], ["keys", "show"], ["keys", "nonsense"],
        ["audit", "verify"], ["usage", "extra"],
    ])
    func `wrong usage ends with exit code 64 and says what was wrong`(_ arguments: [String]) {
        let ending = ending(arguments)
        #expect(ending?.code == 64)
        #expect(ending?.message.hasPrefix("Error: ") == true)
    }

    @Test(arguments: [
        "serve", "generate", "inspect", "pack", "quantize", "upcycle", "bench", "grammar",
        "pull", "plan", "doctor", "keys", "usage", "audit",
    ])
    func `every command explains itself`(_ command: String) {
        let ending = ending([command, "--help"])
        #expect(ending?.code == 0)
        #expect(ending?.message.contains("USAGE: cierzo \(command)") == true)
        #expect(ending?.message.contains("\n  cierzo \(command) ") == true, "no example")
    }

    @Test func `flags of serve are taken in every spelling`() throws {
        #expect(try flags([]) == [:])
        #expect(try flags(["--port=9"]) == ["port": .number(9)])
        #expect(
            try flags(["--verify", "--port", "9"]) == ["verify": .onOff(true), "port": .number(9)])
        #expect(
            try flags(["--api-keys", "a", "b", "--key-weights", "3", "1"])
                == ["api-keys": .texts(["a", "b"]), "key-weights": .numbers([3, 1])])
        #expect(
            try flags(["--api-keys", "a", "--api-keys", "b"]) == ["api-keys": .texts(["a", "b"])])
    }
}
