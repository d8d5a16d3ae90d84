// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

/// The keys that open the server; with none, everybody may enter.
package struct APIKeys: Sendable {
    private let keys: [[UInt8]]

    /// Keys as clients send them; empty ones are left out.
    package init(_ keys: [String] = []) {
        self.keys = keys.map { Array($0.utf8) }.filter { !$0.isEmpty }
    }

    /// Whether a request needs a key at all.
    package var isRequired: Bool { !keys.isEmpty }

    /// Finds whose key the fields carry.
    ///
    /// The time taken depends on the lengths alone: every key is compared to its end.
    ///
    /// - Returns: the key's number from 1 on, 0 where no key is needed, nil if there is none.
    func client(of fields: HTTPFields) -> Int? {
        guard isRequired else { return 0 }
        var client: Int?
        for candidate in Self.candidates(fields) {
            for (index, key) in keys.enumerated() where Self.isEqual(candidate, key) {
                client = index + 1
            }
        }
        return client
    }

    private static func candidates(_ fields: HTTPFields) -> [[UInt8]] {
        var candidates: [[UInt8]] = []
        if let value = fields[.authorization] {
            let parts = value.split(separator: " ", maxSplits: 1)
            if parts.count == 2, parts[0].lowercased() == "bearer" {
                candidates.append(Array(parts[1].utf8))
            }
        }
        for name in ["x-api-key", "api-key"] {
            if let value = fields[name: name] { candidates.append(Array(value.utf8)) }
        }
        return candidates
    }

    private static func isEqual(_ candidate: [UInt8], _ key: [UInt8]) -> Bool {
        var difference = UInt(bitPattern: candidate.count ^ key.count)
        for index in key.indices {
            let byte = candidate.isEmpty ? 0 : candidate[index % candidate.count]
            difference |= UInt(byte ^ key[index])
        }
        return difference == 0
    }
}
