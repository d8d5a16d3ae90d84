// SPDX-License-Identifier: Apache-2.0

import Access
import ArgumentParser
import Console
import JSON

/// `cierzo audit`.
struct Audit: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look at the records of a server.",
        discussion: """
            A server with `audit` writes a line of JSON for each request, each with the digest of \
            the line before in it. What somebody has changed, removed or inserted shows where the \
            lines hang together no more.

              cierzo audit verify /var/lib/cierzo/audit
              cierzo audit verify /var/lib/cierzo/audit --expect HASH

            Lines at the end can be cut off unseen, or all be written anew: keep the hash of the \
            last line elsewhere from time to time, and have it looked for.

            With `audit-content` a line also has what was asked and answered, sealed for the owner \
            of a key (HPKE: X25519, HKDF-SHA256, AES-256-GCM), so that the server itself cannot \
            read it again. Keep the private key on another machine.

              cierzo audit keygen --private-key audit-private.pem > audit-public.pem
              cierzo audit show ID --audit FOLDER --private-key audit-private.pem
              cierzo audit replay ID --audit FOLDER --private-key audit-private.pem --model FILE
            """,
        subcommands: [Verify.self, Keygen.self, Show.self, Replay.self])

    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check that no line was changed, and name the first that was.")

        @Argument(help: "The folder of the records.") var folder: String
        @Option(help: ArgumentHelp("The hash of a line that must be there.", valueName: "hash"))
        var expect: String?
        @Flag(help: "One JSON object on stdout.") var json = false

        func run() throws {
            let found: AuditVerification
            do {
                found = try AuditVerification(folder: folder, expecting: expect)
                try show(found)
            } catch {
                throw failure(error)
            }
            let isMissing = expect != nil && !found.hasExpected
            if found.problem != nil || isMissing { throw ExitCode(1) }
        }

        private func show(_ found: AuditVerification) throws {
            let isMissing = found.problem == nil && expect != nil && !found.hasExpected
            if json {
                return try printLine(
                    JSONValue.object([
                        "lines": .integer(found.lineCount),
                        "first": found.firstSequence.map { .integer($0) } ?? .null,
                        "lost": .integer(found.lostCount),
                        "last_hash": found.lastHash.map { .string($0) } ?? .null,
                        "problem": found.problem.map { .string($0) } ?? .null,
                        "expected": expect == nil ? .null : .bool(found.hasExpected),
                    ]).serialized())
            }
            if let problem = found.problem { return try printLine("broken: \(problem)") }
            if isMissing { return try printLine("broken: no line has the hash that is expected") }
            try printLine(
                "\(found.lineCount) lines from \(found.firstSequence ?? 0) on hang together; "
                    + "the hash of the last is \(found.lastHash ?? "none")")
            if found.lostCount > 0 {
                try printLine(
                    "\(found.lostCount) records are lost, of which lines with \"lost\" say since when"
                )
            }
        }
    }
}
