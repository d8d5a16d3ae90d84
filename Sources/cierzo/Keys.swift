// SPDX-License-Identifier: Apache-2.0

package import Access
import ArgumentParser
import Console
import Foundation
import JSON

/// `cierzo keys`.
struct Keys: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make, show and end the keys of a server.",
        discussion: """
            A server with `key-file` lets in who has a key of that file, and holds each to its \
            limits. The file keeps digests (scrypt), from which nobody gets a key; a key is told \
            once, when it is made. A running server reads the file again within a second.

              cierzo keys add team-a --key-file keys.json --limit requests-per-minute=60
              cierzo keys rotate team-a --key-file keys.json --overlap 7d
              cierzo keys revoke team-a --key-file keys.json

            CIERZO_KEY_FILE stands for --key-file.
            """,
        subcommands: [Add.self, List.self, Show.self, Rotate.self, Revoke.self])

    /// Where the keys are.
    struct File: ParsableArguments {
        @Option(
            help: ArgumentHelp(
                "The file of keys. Default: the variable CIERZO_KEY_FILE.", valueName: "file"))
        var keyFile: String?

        private var file: PrivateFile {
            get throws {
                let variable = ProcessInfo.processInfo.environment["CIERZO_KEY_FILE"]
                guard let path = keyFile ?? variable, !path.isEmpty else {
                    throw SettingsError.missing(
                        key: "key-file", hint: "give --key-file FILE, or CIERZO_KEY_FILE")
                }
                return PrivateFile(path)
            }
        }

        /// The keys that there are.
        func read() throws -> KeyFile {
            let file = try self.file
            return try KeyFile(try file.read(), path: file.path)
        }

        /// Changes the keys; nobody else does meanwhile.
        ///
        /// - Parameters:
        ///   - makes: whether there need not be a file yet.
        ///   - change: what to do.
        /// - Returns: what it gives.
        /// - Throws: what it throws, or where the file cannot be read or written.
        func change<Result>(
            makes: Bool = false, _ change: (inout KeyFile) throws(AccessError) -> Result
        ) throws -> Result {
            try KeyFile.changing(try file, makes: makes, change)
        }
    }

    private static var now: Int { Int(Date().timeIntervalSince1970) }

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key, and tell it this once.",
            discussion: "Limits of --limit are NAME=NUMBER:\n\n"
                + NumericLimit.all.map { "  \($0.name): \($0.summary)" }.joined(separator: "\n"))

        @OptionGroup var file: File
        @Argument(help: "What to call it.") var name: String
        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp("Limits, as NAME=NUMBER each.", valueName: "limit"))
        var limit: [String] = []
        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp("The models that it is for; all without it.", valueName: "model"))
        var models: [String] = []
        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp(
                "The families that it is for, some of \(AccessFamily.heldNames); all without it.",
                valueName: "family"))
        var families: [String] = []
        @Option(
            help: ArgumentHelp(
                "When it ends: in 12h, 90d, or on 2027-01-31 (UTC); never without it.",
                valueName: "time"))
        var expires: String?
        @Flag(help: "It may not hand in batches.") var noBatch = false
        @Flag(
            help: "What it asks and is answered is recorded, sealed, where audit-content is keys.")
        var auditContent = false
        @Flag(help: "It may see the usage of all keys and /metrics, and load and unload models.")
        var admin = false
        @Flag(help: "One JSON object on stdout.") var json = false

        func run() throws {
            do {
                let limits = try limits()
                let end = try expires.map { try KeyTime.end($0, from: Keys.now) }
                let secret = try file.change(makes: true) { keys throws(AccessError) in
                    try keys.add(name, limits, expires: end, at: Keys.now)
                }
                try Keys.tell(secret, of: name, asJSON: json)
            } catch {
                throw failure(error)
            }
        }

        private func limits() throws -> AccessLimits {
            var limits = AccessLimits()
            for text in limit { try NumericLimit.set(text, in: &limits) }
            if !models.isEmpty { limits.models = models }
            if !families.isEmpty {
                limits.families = try families.map { name in
                    guard let family = AccessFamily(held: name) else {
                        throw AccessError.wrong(
                            what: "family", expected: "one of \(AccessFamily.heldNames)",
                            found: name)
                    }
                    return family
                }
            }
            limits.mayBatch = !noBatch
            limits.keepsContent = auditContent
            limits.isAdmin = admin
            return limits
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all keys.")

        @OptionGroup var file: File
        @Flag(help: "One JSON array on stdout.") var json = false

        func run() throws {
            do {
                let keys = try file.read().keys
                if json {
                    let all = JSONValue.array(keys.map { .object($0.shown(at: Keys.now)) })
                    return try printLine(all.serialized(.pretty))
                }
                let width = max(4, keys.map(\.name.count).max() ?? 0) + 2
                func line(_ name: String, _ rest: String...) throws {
                    let columns = rest.dropLast().map {
                        $0.padding(toLength: 22, withPad: " ", startingAt: 0)
                    }
                    try printLine(
                        name.padding(toLength: width, withPad: " ", startingAt: 0)
                            + columns.joined() + (rest.last ?? ""))
                }
                try line("name", "id", "ends", "secrets  limits")
                for key in keys {
                    let live = key.liveSecrets(at: Keys.now).count
                    try line(
                        key.name, key.id, key.expires.map(KeyTime.text) ?? "never",
                        "\(live)        \(key.limits.summary)")
                }
            } catch {
                throw failure(error)
            }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show all of a key but itself.")

        @OptionGroup var file: File
        @Argument(help: "Its name or its id.") var name: String

        func run() throws {
            do {
                let key = try file.read().key(named: name)
                try printLine(JSONValue.object(key.shown(at: Keys.now)).serialized(.pretty))
            } catch {
                throw failure(error)
            }
        }
    }

    struct Rotate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a key another secret, and tell that this once.",
            discussion: """
                The secret before opens it as well until the overlap is over, so that clients can \
                change over one by one. There are never more than two.
                """)

        @OptionGroup var file: File
        @Argument(help: "Its name or its id.") var name: String
        @Option(
            help: ArgumentHelp(
                "How long the secret before still opens it: 0, 12h, 7d.", valueName: "time"))
        var overlap = "7d"
        @Flag(help: "One JSON object on stdout.") var json = false

        func run() throws {
            do {
                let seconds = try KeyTime.seconds(overlap)
                let secret = try file.change { keys throws(AccessError) in
                    try keys.rotate(name, overlap: seconds, at: Keys.now)
                }
                try Keys.tell(secret, of: name, asJSON: json)
            } catch {
                throw failure(error)
            }
        }
    }

    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a key, or only the secret that was replaced.")

        @OptionGroup var file: File
        @Argument(help: "Its name or its id.") var name: String
        @Flag(help: "End only the secret that was replaced, before its time.") var old = false

        func run() throws {
            do {
                let isDone = try file.change { keys throws(AccessError) in
                    if old { return try keys.revokeOldSecret(of: name) }
                    try keys.revoke(name)
                    return true
                }
                note(
                    isDone
                        ? "'\(name)' is revoked" + (old ? ", its old secret only" : "")
                        : "'\(name)' has no old secret")
            } catch {
                throw failure(error)
            }
        }
    }

    private static func tell(_ secret: String, of name: String, asJSON: Bool) throws {
        if asJSON {
            let object: JSONValue = ["name": .string(name), "key": .string(secret)]
            return try printLine(object.serialized())
        }
        note("The key of '\(name)', which nothing can show again:")
        try printLine(secret)
    }
}

extension AccessKey {
    /// All that may be shown of it.
    fileprivate func shown(at time: Int) -> JSONObject {
        var object: JSONObject = [
            "name": .string(name), "id": .string(id), "created": .string(KeyTime.text(created)),
            "expires": expires.map { .string(KeyTime.text($0)) } ?? .null,
            "live": .bool(!liveSecrets(at: time).isEmpty),
            "secrets": .array(
                secrets.map { secret in
                    [
                        "created": .string(KeyTime.text(secret.created)),
                        "expires": secret.expires.map { .string(KeyTime.text($0)) } ?? .null,
                        "live": .bool(secret.isLive(at: time)),
                    ]
                }),
        ]
        for (name, value) in limits.json { object[name] = value }
        return object
    }
}

/// Times as the command line has them.
package enum KeyTime {
    /// A time of UTC.
    package static func text(_ time: Int) -> String {
        Date(timeIntervalSince1970: TimeInterval(time)).formatted(Date.ISO8601FormatStyle())
    }

    /// The seconds of `90s`, `5m`, `12h`, `7d` or `0`.
    ///
    /// - Throws: ``AccessError`` for anything else.
    package static func seconds(_ text: String) throws(AccessError) -> Int {
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        let factor = text == "0" ? 1 : text.last.flatMap { units[$0] }
        let digits = text == "0" ? text[...] : text.dropLast()
        guard let factor, digits.allSatisfy(\.isWholeNumber), let number = Int(digits),
            (0...100_000).contains(number)
        else {
            throw .wrong(what: "time", expected: "a number with s, m, h or d", found: text)
        }
        return number * factor
    }

    /// The second in which a day or a moment begins.
    ///
    /// - Parameters:
    ///   - text: such as `2027-01-31` or `2027-01-31T12:00:00Z`.
    ///   - what: what it is of, for the error.
    /// - Returns: seconds since 1970.
    /// - Throws: ``AccessError`` for anything else.
    package static func date(_ text: String, what: String) throws(AccessError) -> Int {
        // The style of a day would take a day and anything after it.
        let whole = Date.ISO8601FormatStyle()
        let style = text.utf8.count == 10 ? whole.year().month().day() : whole
        if let date = try? Date(text, strategy: style) { return Int(date.timeIntervalSince1970) }
        throw .wrong(what: what, expected: "a day of UTC such as 2027-01-31", found: text)
    }

    /// The second in which something ends, from a span or a date.
    ///
    /// - Parameters:
    ///   - text: the span or the date.
    ///   - time: when the span begins.
    /// - Returns: seconds since 1970.
    /// - Throws: ``AccessError`` for anything else.
    package static func end(_ text: String, from time: Int) throws(AccessError) -> Int {
        if let date = try? date(text, what: "") { return date }
        do throws(AccessError) { return time + (try seconds(text)) } catch {
            throw .wrong(
                what: "expires",
                expected: "a number with s, m, h or d, or a date such as 2027-01-31",
                found: text)
        }
    }
}
