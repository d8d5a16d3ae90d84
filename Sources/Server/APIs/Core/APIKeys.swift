// SPDX-License-Identifier: Apache-2.0

import Access
import HTTP
import HTTPTypes
import Scheduling

/// The keys that open the server; with none, everybody may enter.
package struct APIKeys: Sendable {
    private let keys: [[UInt8]]
    private let weights: [Int]

    /// Keys as clients send them; empty ones open nothing.
    ///
    /// - Parameters:
    ///   - keys: all of them.
    ///   - weights: how much of the machine each key's requests get beside those of the others;
    ///     1 where there is no number.
    package init(_ keys: [String] = [], weights: [Int] = []) {
        self.keys = keys.map { Array($0.utf8) }
        self.weights = weights
    }

    /// Reads keys as operators write them, separated by commas also within a text.
    ///
    /// - Parameter texts: from the command line, the environment or a file.
    /// - Returns: the keys in their order.
    /// - Throws: ``APIKeyError``: a list that would open less than it seems to, or everything.
    package static func parse(_ texts: [String]) throws(APIKeyError) -> [String] {
        var keys: [String] = []
        for text in texts {
            for part in text.split(separator: ",", omittingEmptySubsequences: false) {
                let key = String(
                    part.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace)
                        .reversed())
                let number = keys.count + 1
                if key.isEmpty { throw .empty(number: number) }
                if key.unicodeScalars.contains(where: Self.isUnsendable) {
                    throw .unsendable(number: number)
                }
                if let first = keys.firstIndex(of: key) {
                    throw .repeated(number: number, first: first + 1)
                }
                keys.append(key)
            }
        }
        return keys
    }

    /// Whether a scalar cannot be a part of what follows `Bearer `.
    private static func isUnsendable(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || scalar.properties.generalCategory == .control
    }

    /// Whether a request needs a key at all.
    package var isRequired: Bool { keys.contains { !$0.isEmpty } }

    /// Finds whose key the fields carry.
    ///
    /// The time taken depends on the lengths alone: every key is compared to its end.
    ///
    /// - Returns: who that is, numbered from 1 on; nil if there is no such key, or there are no keys.
    func caller(of fields: HTTPFields) -> Caller? {
        guard isRequired else { return nil }
        var found: Int?
        for candidate in Self.presented(in: fields).map({ Array($0.utf8) }) {
            for (index, key) in keys.enumerated()
            where !key.isEmpty && Self.isEqual(candidate, key) {
                found = index
            }
        }
        return found.map { caller(at: $0) }
    }

    /// Whose key is counted under an id, if it is one of these.
    func caller(id: String) -> Caller? {
        keys.indices.first { !keys[$0].isEmpty && owner(at: $0) == id }.map(caller)
    }

    private func caller(at index: Int) -> Caller {
        var limits = AccessLimits()
        limits.weight = weights.indices.contains(index) ? weights[index] : nil
        let owner = owner(at: index)
        return Caller(
            number: index + 1, id: owner, name: "api-key-\(index + 1)", owner: owner,
            limits: limits)
    }

    /// What the things of a key's owner are kept under, whatever its number becomes; of letters and
    /// digits.
    ///
    /// It is a digest from which nobody gets the key, for it stands in files and in what operators
    /// read of usage.
    private func owner(at index: Int) -> String {
        let key = String(decoding: keys[index], as: UTF8.self)
        return "c" + SHA256.digits(of: "key of the configuration: " + key).prefix(32)
    }

    /// What may be a key in the fields.
    static func presented(in fields: HTTPFields) -> [String] {
        var texts: [String] = []
        if let value = fields[.authorization] {
            let parts = value.split(separator: " ", maxSplits: 1)
            if parts.count == 2, parts[0].isASCIIEqual(to: "bearer") {
                texts.append(String(parts[1]))
            }
        }
        return texts + ["x-api-key", "api-key"].compactMap { fields[name: $0] }
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
