// SPDX-License-Identifier: Apache-2.0

import JSON

/// Writes the files of a batch: a line for each request, in the order of the input.
final class BatchOutput {
    private let batch: StoredBatch
    private let files: FileStore
    private var output: Part
    private var errors: Part

    /// One of the files; not made before there is a line for it.
    private struct Part {
        let id: String
        let name: String
        let purpose: FilePurpose
        var writer: FileWriter?
        /// Whether it is there from before, when the process was killed just after.
        var isThere = false
        var hasLines = false
    }

    init(_ batch: StoredBatch, _ files: FileStore) {
        self.batch = batch
        self.files = files
        output = Part(
            id: batch.outputFileID, name: "batch_\(batch.id)_output.jsonl", purpose: .batchOutput)
        errors = Part(
            id: batch.errorFileID, name: "batch_\(batch.id)_error.jsonl", purpose: .batchErrors)
    }

    /// Appends a line that ``line(_:_:of:status:id:body:)`` has made.
    func append(_ line: [UInt8], isFailed: Bool) throws(JobsError) {
        if isFailed { try append(line, to: &errors) } else { try append(line, to: &output) }
    }

    private func append(_ line: [UInt8], to part: inout Part) throws(JobsError) {
        if !part.hasLines {
            part.hasLines = true
            part.isThere = try files.file(part.id, of: batch.order.owner) != nil
            if !part.isThere {
                part.writer = try files.make(for: batch.order.owner, id: part.id, isLimited: false)
            }
        }
        try part.writer?.append(line)
    }

    /// Makes them files of the owner.
    ///
    /// - Returns: their ids; nil where there was no line.
    func finish() throws(JobsError) -> (output: String?, errors: String?) {
        for part in [output, errors] {
            _ = try part.writer?.finish(
                name: part.name, purpose: part.purpose,
                lifetime: batch.order.outputSeconds.map { .seconds($0) })
        }
        return (output.hasLines ? output.id : nil, errors.hasLines ? errors.id : nil)
    }

    // MARK: Lines

    /// The line of a request that was answered.
    ///
    /// - Parameters:
    ///   - customID: what its client calls it.
    ///   - index: its place among the lines.
    ///   - batch: its batch.
    ///   - status: the status of HTTP.
    ///   - id: the identity of the request.
    ///   - body: JSON.
    /// - Returns: a line of JSON with its end.
    static func line(
        _ customID: String, _ index: Int, of batch: StoredBatch, status: Int, id: String,
        body: [UInt8]
    ) -> [UInt8] {
        var line = opening(customID, index, of: batch)
        let request = JSONValue.string(id).serialized()
        line += Array("\"response\":{\"status_code\":\(status),\"request_id\":\(request),".utf8)
        line += Array("\"body\":".utf8)
        // Within a value of JSON they are spaces between others.
        line += body.map { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") ? 0x20 : $0 }
        line += Array("},\"error\":null}\n".utf8)
        return line
    }

    /// The line of a request that the end of its batch has kept from being answered.
    static func unanswered(
        _ line: BatchLine, _ index: Int, of batch: StoredBatch
    ) -> [UInt8] {
        let (code, reason) =
            switch batch.ending {
            case .expired:
                (
                    "batch_expired",
                    "This request could not be executed before the completion window expired."
                )
            case .cancelled:
                ("batch_cancelled", "This request was not executed before the batch was cancelled.")
            default:
                ("batch_failed", batch.faults.last?.message ?? "The batch has failed.")
            }
        let error: JSONValue = ["code": .string(code), "message": .string(reason)]
        return opening(line.customID, index, of: batch)
            + Array("\"response\":null,\"error\":\(error.serialized())}\n".utf8)
    }

    /// What tells a line of either file apart: they are in the order of the input.
    static func id(of line: ArraySlice<UInt8>) -> [UInt8] {
        Array(line.prefix { $0 != UInt8(ascii: ",") })
    }

    private static func opening(_ customID: String, _ index: Int, of batch: StoredBatch) -> [UInt8]
    {
        let digits = String(index, radix: 16)
        let id =
            "batch_req_" + batch.id.filter { $0 != "-" }
            + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
        let name = JSONValue.string(customID).serialized()
        return Array("{\"id\":\"\(id)\",\"custom_id\":\(name),".utf8)
    }
}
