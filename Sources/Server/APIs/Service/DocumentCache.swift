// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The bytes of `GET /openapi.json`, which are the same for the life of a server and take long to make:
/// everybody may ask for them, and those who do not read them hold the same bytes.
final class DocumentCache: Sendable {
    /// What the documents of a server differ in.
    struct Key: Hashable {
        let dialect: String
        let isForced: Bool
    }

    private let documents = Mutex<[Key: [UInt8]]>([:])

    /// A document, made at the first time.
    func document(_ key: Key, _ make: () -> [UInt8]) -> [UInt8] {
        documents.withLock { documents in
            if let known = documents[key] { return known }
            let made = make()
            documents[key] = made
            return made
        }
    }
}
