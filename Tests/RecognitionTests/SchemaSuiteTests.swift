// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import Recognition
import Testing

/// Runs the public JSON-Schema-Test-Suite from a checkout that the environment variable
/// `CIERZO_SCHEMA_SUITE` names, and prints the share of each file on which we agree.
struct SchemaSuiteTests {
    private static let root = ProcessInfo.processInfo.environment["CIERZO_SCHEMA_SUITE"]
    private static let sample = ProcessInfo.processInfo.environment["CIERZO_SCHEMA_SAMPLE"]
    private static let isVerbose =
        ProcessInfo.processInfo.environment["CIERZO_SCHEMA_SUITE_VERBOSE"] != nil

    private static let drafts = [
        ("draft4", "http://json-schema.org/draft-04/schema#"),
        ("draft6", "http://json-schema.org/draft-06/schema#"),
        ("draft7", "http://json-schema.org/draft-07/schema#"),
        ("draft2019-09", "https://json-schema.org/draft/2019-09/schema"),
        ("draft2020-12", "https://json-schema.org/draft/2020-12/schema"),
    ]

    private struct Share {
        var agreed = 0
        var total = 0
    }

    /// The share of a file; schemas that refer to other documents are refused, and not counted,
    /// nor are those of a metaschema that would have to be fetched.
    private func share(ofFile file: URL, dialect: String) throws -> Share {
        let groups = try JSONParser.parse([UInt8](Data(contentsOf: file)))
        var share = Share()
        for group in try #require(groups.arrayValue) {
            var schema = try #require(group["schema"])
            if case .object(var object) = schema, object["$schema"] == nil {
                object["$schema"] = .string(dialect)
                schema = .object(object)
            }
            if schema["$schema"]?.stringValue?.contains("localhost") == true { continue }
            let tests = try #require(group["tests"]?.arrayValue)
            let document: SchemaDocument
            do throws(RecognitionError) {
                document = try SchemaDocument(schema)
            } catch {
                report(file, group, nil, "\(error)")
                share.total += error.reason.contains("nothing is fetched") ? 0 : tests.count
                continue
            }
            let validator = SchemaValidator(document)
            for test in tests {
                share.total += 1
                let text = Self.text(of: try #require(test["data"]))
                let problem = validator.problem(in: [UInt8](text.utf8)[...])
                if (problem == nil) == test["valid"]?.boolValue {
                    share.agreed += 1
                } else {
                    report(file, group, test, problem?.description ?? "accepted")
                }
            }
        }
        return share
    }

    /// An instance as the suite writes it: whole numbers beyond `Int` without an exponent.
    private static func text(of instance: JSONValue) -> String {
        guard case .number(let double) = instance, abs(double) >= 0x1p63,
            let number = ExactNumber(double)
        else { return instance.serialized() }
        let digits = number.digits.map { String($0) }.joined()
        return (number.isNegative ? "-" : "") + digits
            + String(repeating: "0", count: number.exponent)
    }

    /// The sample is JSON lines of `name`, `schema` and `tests`, each with `valid` and `data`.
    @Test(.enabled(if: sample != nil))
    func `labelled instances get their labels`() throws {
        let bytes = try [UInt8](Data(contentsOf: URL(filePath: #require(Self.sample))))
        var share = Share()
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let entry = try JSONParser.parse(Array(line))
            let name = entry["name"]?.stringValue ?? ""
            let tests = try #require(entry["tests"]?.arrayValue)
            share.total += tests.count
            let document: SchemaDocument
            do throws(RecognitionError) {
                document = try SchemaDocument(entry["schema"] ?? .null)
            } catch {
                print("sample \(name): refused: \(error)")
                continue
            }
            let validator = SchemaValidator(document)
            for (index, test) in tests.enumerated() {
                let text = try #require(test["data"]).serialized()
                let problem = validator.problem(in: [UInt8](text.utf8)[...])
                if (problem == nil) == test["valid"]?.boolValue {
                    share.agreed += 1
                } else {
                    print("sample \(name) \(index): \(problem?.description ?? "accepted")")
                }
            }
        }
        print("sample \(share.agreed)/\(share.total)")
    }

    private func report(_ file: URL, _ group: JSONValue, _ test: JSONValue?, _ reason: String) {
        guard Self.isVerbose else { return }
        print(
            "\(file.deletingLastPathComponent().lastPathComponent)/\(file.lastPathComponent):",
            group["description"]?.stringValue ?? "", "/",
            test?["description"]?.stringValue ?? "(all)", ":", reason)
    }

    @Test(.enabled(if: root != nil), arguments: drafts)
    func `the public suite agrees`(draft: String, dialect: String) throws {
        let folder = URL(filePath: try #require(Self.root)).appending(path: "tests/\(draft)")
        var required = Share()
        var formats = Share()
        for (path, isRequired) in [("", true), ("optional", false), ("optional/format", false)] {
            let files = try FileManager.default.contentsOfDirectory(
                at: folder.appending(path: path), includingPropertiesForKeys: nil)
            for file in files.sorted(by: { $0.path < $1.path }) where file.pathExtension == "json" {
                let share = try share(ofFile: file, dialect: dialect)
                print("\(draft) \(path) \(file.lastPathComponent) \(share.agreed)/\(share.total)")
                if isRequired, file.lastPathComponent != "format.json" {
                    required.agreed += share.agreed
                    required.total += share.total
                }
                if path == "optional/format" {
                    formats.agreed += share.agreed
                    formats.total += share.total
                }
            }
        }
        print("\(draft) required \(required.agreed)/\(required.total)")
        print("\(draft) formats \(formats.agreed)/\(formats.total)")
        #expect(required.agreed == required.total)
        #expect(formats.agreed == formats.total)
    }
}
