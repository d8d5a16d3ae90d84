// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import HTTP
import Serving
import Testing
import cierzo

@Suite struct SettingsErrorTests {
    /// The settings with numbers, and a number that is one too large.
    private static let tooLarge: [(setting: Setting, number: Int)] = SettingTable.rows.compactMap {
        guard case .number(let range, _) = $0.form else { return nil }
        return ($0, range.upperBound + 1)
    }

    private func message(_ environment: [String: String]) -> String {
        message { try Settings(flags: [:], file: nil, environment: environment) }
    }

    private func message(_ make: () throws -> Settings) -> String {
        do {
            return try "accepted: \(make().listing())"
        } catch {
            return String(describing: error)
        }
    }

    @Test(arguments: tooLarge)
    func `a number out of range is an error that names flag, range and number`(
        _ setting: Setting, _ number: Int
    ) {
        let text = message {
            try Settings(flags: [setting.key: .number(number)], file: nil, environment: [:])
        }
        #expect(text.hasPrefix("\(setting.key) (from flag \(setting.flag)): expected "))
        #expect(text.hasSuffix(" to \(number - 1), found '\(number)'"))
    }

    @Test func `errors name the unit`() {
        #expect(
            message(["CIERZO_BODY_TIMEOUT": "60s"])
                == "body-timeout (from environment variable CIERZO_BODY_TIMEOUT): expected "
                + "a whole number (seconds) from 1 to 3600, found '60s'")
        #expect(
            message(["CIERZO_KV_MEMORY": "2GiB"])
                == "kv-memory (from environment variable CIERZO_KV_MEMORY): expected "
                + "a whole number (MiB) from 1 to 16777216, found '2GiB'")
    }

    @Test func `errors in the file name its line`() throws {
        try withConfigurationFile("# first\nhost: ::1\nport: many\n") { path in
            let text = message { try Settings(flags: [:], file: path, environment: [:]) }
            #expect(
                text
                    == "port (from \(path):3): expected a whole number from 0 to 65535, found 'many'"
            )
        }
    }

    @Test func `a key that does not exist is an error with its line`() throws {
        try withConfigurationFile("port: 1\n\nmax-que: 3\n") { path in
            #expect(throws: SettingsError.unknownKey("max-que", path: path, line: 3)) {
                try Settings(flags: [:], file: path, environment: [:])
            }
        }
    }

    @Test func `a file that is not there or not YAML is an error`() throws {
        #expect(
            message { try Settings(flags: [:], file: "/nowhere/cierzo.yaml", environment: [:]) }
                == "/nowhere/cierzo.yaml: the file cannot be read")
        try withConfigurationFile("port: [\n") { path in
            let text = message { try Settings(flags: [:], file: path, environment: [:]) }
            #expect(text.hasPrefix("\(path): not valid YAML: "))
        }
    }

    @Test(arguments: [
        (
            "api-keys: [secret-one, \"secret-two]\n",
            "2:1: error: scanner: while scanning a quoted scalar in line 1, column 24, "
                + "found unexpected end of stream"
        ),
        (
            "api-keys: secret-one: secret-two\n",
            "1:21: error: scanner: mapping values are not allowed in this context"
        ),
        (
            "port: 1\napi-keys: [secret-one secret-two\ncontext: 1\n",
            "3:8: error: parser: while parsing a flow sequence in line 2, column 11, "
                + "did not find expected ',' or ']'"
        ),
        (
            "api-keys: \"secret\u{1}one\"\n",
            "1:18: error: reader: control characters are not allowed"
        ),
        (
            "port: 1\nport: 2\napi-keys: secret-one\n",
            "Parser: expected all keys to be unique but found the following duplicated key(s): "
                + "'port'."
        ),
    ])
    func `a file that is not YAML is told without what stands in it`(
        file: String, problem: String
    ) throws {
        try withConfigurationFile(file) { path in
            let text = message { try Settings(flags: [:], file: path, environment: [:]) }
            #expect(text == "\(path): not valid YAML: \(problem)")
        }
    }

    @Test(arguments: [
        (
            "block-size", "24",
            "a multiple of 16 (positions) from 16 to 32, found '24'"
        ),
        ("verify", "perhaps", "true or false, found 'perhaps'"),
        ("pin", "sometimes", "one of automatic, always, never, found 'sometimes'"),
        ("dialect", "french", "one of openai, mistral, found 'french'"),
        ("key-weights", "1,0", "a list of whole numbers from 1 to 1000, found '[1, 0]'"),
        (
            "allowed-origins", "app.example",
            "origins such as https://app.example or http://localhost:3000, or *, found 'app.example'"
        ),
    ])
    func `values of every form are checked`(key: String, text: String, rest: String) throws {
        let variable = try #require(SettingTable.row(key)).variable
        #expect(
            message([variable: text])
                == "\(key) (from environment variable \(variable)): expected \(rest)")
    }

    @Test func `keys that open less than they seem to are errors which do not show them`() {
        for keys in ["secret,,other", "secret,secret", "se cret", ","] {
            let text = message(["CIERZO_API_KEYS": keys])
            #expect(text.hasPrefix("api-keys (from environment variable CIERZO_API_KEYS): "))
            #expect(!text.contains("secret") && !text.contains("se cret"))
        }
    }

    // MARK: Settings that must agree

    private func configuration(_ arguments: [String]) throws -> ServiceConfiguration {
        try Settings(flags: flags(arguments), file: nil, environment: [:]).configuration
    }

    @Test func `a server needs a model`() throws {
        let configuration = try configuration([])
        #expect(
            throws: SettingsError.missing(
                key: "model",
                hint: "give --model FILE, or model: or models: in the configuration file")
        ) {
            try configuration.validatedModels()
        }
    }

    @Test(
        arguments: [
            (["--jwt-keys", "k"], "jwt-keys"), (["--jwt-issuer", "i"], "jwt-issuer"),
            (["--jwt-secret", "s", "--jwt-issuer", "i", "--jwt-audience", "a"], "jwt-secret"),
            (["--jwt-issuer", "i", "--jwt-audience", "a", "--key-file", "f"], "jwt-issuer"),
        ])
    func `tokens need an issuer, an audience, keys and tenants`(
        flags: [String], key: String
    ) throws {
        let settings = try configuration(["--model", "m"] + flags)
        let error = #expect(throws: SettingsError.self) { try settings.validatedModels() }
        guard case .invalid(key, _, _, _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        let whole = [
            "--jwt-keys", "k", "--jwt-issuer", "i", "--jwt-audience", "a", "--key-file", "f",
        ]
        #expect(try configuration(["--model", "m"] + whole).validatedModels().count == 1)
    }

    @Test func `a public address needs keys, or an operator who says that it needs none`() throws {
        let open = try configuration(["--model", "m", "--host", "0.0.0.0"])
        #expect(
            throws: SettingsError.invalid(
                key: "host", source: "configuration",
                expected: "a loopback address, or api-keys, or key-file, or insecure: true",
                found: "0.0.0.0")
        ) {
            try open.validatedModels()
        }
        let filed = try configuration(["--model", "m", "--host", "*", "--key-file", "keys.json"])
        #expect(try filed.validatedModels().count == 1)
        let keyed = try configuration(["--model", "m", "--host", "*", "--api-keys", "a"])
        #expect(try keyed.validatedModels().map(\.path) == ["m"])
        let insecure = try configuration(["--model", "m", "--host", "*", "--insecure"])
        #expect(try insecure.validatedModels().map(\.path) == ["m"])
    }

    @Test func `a Unix socket needs no keys, and an inherited public one does`() throws {
        let local = try configuration(["--model", "m", "--host", "unix:/run/cierzo/http"])
        #expect(try local.validatedModels().map(\.path) == ["m"])
        let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { Glibc.close(descriptor) }
        try #require(listen(descriptor, 1) == 0)
        // Without an address it listens on all of them, whatever host says.
        var open = local
        open.http.inherited = [try InheritedSocket(descriptor: descriptor)]
        #expect(throws: SettingsError.self) { try open.validatedModels() }
    }

    @Test(arguments: [
        (["--tls-key", "k"], "tls-cert"), (["--tls-client-ca", "c"], "tls-cert"),
        (["--tls-cert", "c"], "tls-key"), (["--tls-cert", "c", "--tls-client-ca", "c"], "tls-key"),
    ])
    func `a certificate and its key go together`(arguments: [String], missing: String) throws {
        let configuration = try configuration(["--model", "m"] + arguments)
        let error = #expect(throws: SettingsError.self) { try configuration.validatedModels() }
        guard case .invalid(missing, _, _, _)? = error else {
            Issue.record("\(String(describing: error)) does not name \(missing)")
            return
        }
    }

    @Test func `there is a weight for every key, or none`() throws {
        let configuration = try configuration(
            ["--model", "m", "--api-keys", "a", "b", "--key-weights", "3"])
        #expect(
            throws: SettingsError.invalid(
                key: "key-weights", source: "configuration",
                expected: "as many weights as there are api-keys", found: "1")
        ) {
            try configuration.validatedModels()
        }
    }

    @Test func `memory for bodies holds the largest body`() throws {
        let configuration = try configuration(["--model", "m", "--max-body-memory", "1"])
        #expect(
            throws: SettingsError.invalid(
                key: "max-body-memory", source: "configuration",
                expected: "room for one body of max-body-bytes", found: "1.0 MiB")
        ) {
            try configuration.validatedModels()
        }
    }
}
