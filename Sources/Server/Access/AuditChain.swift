// SPDX-License-Identifier: Apache-2.0

import JSON

/// How the lines of an audit log hang together.
///
/// A line is an object whose first members are its number and the digest of the line before, and whose
/// last one is `hash`: SHA-256 of the object's bytes without that member. So nobody can change, remove
/// or insert a line without changing all after it.
struct AuditChain: Sendable {
    /// What stands for a line before the first one.
    private static let zero = String(repeating: "0", count: 64)
    private static let suffixByteCount = #","hash":""}"#.utf8.count + 64

    /// The number of the last line.
    private(set) var sequence = 0

    /// Its digest.
    private(set) var hash = zero

    /// How many records were lost, as the lines that were read say.
    private(set) var lostCount = 0

    /// The bytes of the next line.
    mutating func line(of record: JSONObject) throws(AccessError) -> [UInt8] {
        let head: JSONObject = ["sequence": .integer(sequence + 1), "previous": .string(hash)]
        let object = JSONObject(
            head.map { ($0.key, $0.value) }
                + record.filter { !Self.members.contains($0.key) }
                .map { ($0.key, $0.value) })
        let bytes = JSONValue.object(object).serializedBytes()
        let hash = Cryptography.hexadecimal(try Cryptography.digest(bytes))
        sequence += 1
        self.hash = hash
        return Array(bytes.dropLast()) + Array(#","hash":"\#(hash)"}"#.utf8) + [UInt8(ascii: "\n")]
    }

    /// The members of a line that chain it to others, without which it is the record.
    static let members: Set<String> = ["sequence", "previous", "hash"]

    /// Takes a line as it is, whatever stands before it.
    ///
    /// - Returns: what is wrong with the line itself, if anything is.
    mutating func resume(after line: [UInt8]) -> String? {
        switch Self.read(line) {
        case .failure(let problem): return problem.text
        case .success(let link):
            take(link)
            return nil
        }
    }

    /// Takes the next line.
    ///
    /// - Returns: what is wrong with it or its place, if anything is.
    mutating func follow(_ line: [UInt8]) -> String? {
        switch Self.read(line) {
        case .failure(let problem): return problem.text
        case .success(let link):
            guard link.sequence == sequence + 1 else {
                return "it has the number \(link.sequence), and not \(sequence + 1)"
            }
            guard link.previous == hash else { return "it does not follow the line before" }
            take(link)
            return nil
        }
    }

    private mutating func take(_ link: Link) {
        (sequence, hash) = (link.sequence, link.hash)
        let (sum, isTooMany) = lostCount.addingReportingOverflow(link.lostCount)
        lostCount = isTooMany ? .max : sum
    }

    private struct Link {
        let sequence: Int
        let previous: String
        let hash: String
        let lostCount: Int
    }

    private struct Problem: Error { let text: String }

    private static func read(_ line: [UInt8]) -> Result<Link, Problem> {
        guard line.count > suffixByteCount,
            let value = try? JSONParser.parse(
                line, limits: AuditRecord.parserLimits),
            let sequence = value["sequence"]?.intValue,
            let previous = value["previous"]?.stringValue, let hash = value["hash"]?.stringValue,
            // What can be counted on from.
            (0..<Int.max).contains(sequence),
            let lostCount = value["lost"] == nil ? 0 : value["lost"]?.intValue, lostCount >= 0
        else { return .failure(Problem(text: "it is no line of an audit log")) }
        let body = Array(line.dropLast(suffixByteCount)) + [UInt8(ascii: "}")]
        guard line.suffix(suffixByteCount).elementsEqual(#","hash":"\#(hash)"}"#.utf8),
            let digest = try? Cryptography.digest(body), Cryptography.hexadecimal(digest) == hash
        else { return .failure(Problem(text: "its bytes are not those that its hash is of")) }
        return .success(
            Link(
                sequence: sequence, previous: previous, hash: hash, lostCount: lostCount))
    }
}

/// What came of reading a whole log.
package struct AuditVerification: Equatable, Sendable {
    /// How many lines were read that hang together.
    package private(set) var lineCount = 0

    /// The number of the first of them: not 1 where older files were removed.
    package private(set) var firstSequence: Int?

    /// The digest of the last of them, which proves all before it to whoever has kept it.
    package private(set) var lastHash: String?

    /// How many records are lost, as lines among them say.
    package private(set) var lostCount = 0

    /// Whether a digest that somebody has kept was met.
    package private(set) var hasExpected = false

    /// The first line that is broken, as `FILE:LINE: reason`; nil if none is.
    package private(set) var problem: String?

    /// Reads the files of a folder to their end or to the first line that is broken.
    ///
    /// - Parameters:
    ///   - folder: where they are.
    ///   - expected: the digest of a line that somebody has kept.
    /// - Throws: ``AccessError`` where a file cannot be read.
    package init(folder: String, expecting expected: String? = nil) throws(AccessError) {
        var chain = AuditChain()
        for file in try AuditFile.files(in: folder) {
            let bytes = try file.read()
            var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            let rest = lines.popLast() ?? []
            for (index, line) in lines.enumerated() {
                let wrong =
                    firstSequence == nil
                    ? chain.resume(after: Array(line)) : chain.follow(Array(line))
                if let wrong {
                    problem = "\(file.path):\(index + 1): \(wrong)"
                    return
                }
                firstSequence = firstSequence ?? chain.sequence
                lineCount += 1
                lastHash = chain.hash
                lostCount = chain.lostCount
                if chain.hash == expected { hasExpected = true }
            }
            if !rest.isEmpty {
                problem = "\(file.path):\(lines.count + 1): it is not finished"
                return
            }
        }
    }
}
