// SPDX-License-Identifier: Apache-2.0

import Testing
import cierzo

/// What the program opens for a server.
@Suite struct ServiceTests {
    @Test(arguments: [
        ([], "no keys"), (["--api-keys", "one"], "each key"), (["--key-file", "keys"], "each key"),
        (["--api-keys", "one", "--share-prefix-cache"], "all keys"),
        (["--key-file", "keys", "--share-prefix-cache"], "all keys"),
        (["--share-prefix-cache"], "no keys"),
    ])
    func `blocks on disk are named by the keys that there are`(
        arguments: [String], sharing: String
    ) throws {
        let settings = try Settings(flags: flags(arguments), file: nil, environment: [:])
        #expect(settings.configuration.prefixSharing == sharing)
    }
}
