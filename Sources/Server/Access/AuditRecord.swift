// SPDX-License-Identifier: Apache-2.0

package import JSON

/// A line of an audit log that somebody has looked for.
package struct AuditRecord: Sendable {
    /// The number of the line.
    package let sequence: Int

    /// All that it says, without what chains it to others; its content still sealed.
    package let members: JSONObject

    /// Where it stands, as `FILE:LINE`.
    package let place: String

    /// A line may hold the largest body, and an answer besides.
    static let parserLimits = JSONParser.Limits(
        maxBytes: 1 << 32, maxDepth: 16, rejectsDuplicateKeys: true, keepsDigits: true)

    /// Looks for the line of a request.
    ///
    /// - Parameters:
    ///   - request: the request's identity, as `x-request-id` told it.
    ///   - sequence: the number of the line, where several are of requests that their clients have
    ///     given the same identity.
    ///   - folder: where the log is.
    /// - Throws: ``AccessError`` where there is none or there are several, where it is not as it was
    ///   written, or a file cannot be read.
    package init(
        of request: String, sequence: Int? = nil, in folder: String
    ) throws(AccessError) {
        var found: [AuditRecord] = []
        let mark = Array(#""request":\#(JSONValue.string(request).serialized())"#.utf8)
        for file in try AuditFile.files(in: folder) {
            let bytes = try file.read()
            for (index, line) in bytes.split(
                separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false
            ).enumerated() where line.firstRange(of: mark) != nil {
                let place = "\(file.path):\(index + 1)"
                let record = try AuditRecord(Array(line), at: place)
                guard record.members["request"]?.stringValue == request,
                    sequence == nil || record.sequence == sequence
                else { continue }
                found.append(record)
            }
        }
        guard let first = found.first, found.count == 1 else {
            throw .wrong(
                what: "request", expected: "the identity of one request in \(folder)",
                found: found.isEmpty
                    ? request
                    : "\(request), which is that of the lines "
                        + found.prefix(16).map { "\($0.sequence)" }.joined(separator: ", ")
                        + "; say which by --sequence")
        }
        self = first
    }

    /// Reads a line as it stands in a file.
    init(_ line: [UInt8], at place: String) throws(AccessError) {
        var chain = AuditChain()
        if let problem = chain.resume(after: line) {
            throw .invalid(
                path: place, place: "", expected: "a line as it was written", found: problem)
        }
        guard
            let object = try? JSONParser.parse(line, limits: Self.parserLimits).objectValue
        else {
            throw .invalid(path: place, place: "", expected: "an object", found: "another value")
        }
        self.place = place
        sequence = chain.sequence
        members = JSONObject(
            object.filter { !AuditChain.members.contains($0.key) }.map { ($0.key, $0.value) })
    }

    /// What of it is sealed, and the text that it is bound to; nil where nothing is.
    package var sealed: (key: String, box: String, bound: String)? {
        AuditContent.sealed(in: members)
    }

    /// All that it says, without what is sealed.
    package var open: JSONObject { AuditContent.without(members) }

    /// What was asked and answered.
    ///
    /// - Throws: ``AccessError`` where it was not kept, was sealed to another key, or is not what was
    ///   sealed in this record.
    package func content(with key: ContentKey.Private) throws(AccessError) -> [UInt8] {
        try AuditContent.open(members, path: place, with: key)
    }
}
