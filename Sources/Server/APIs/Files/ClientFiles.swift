// SPDX-License-Identifier: Apache-2.0

import Access
import Jobs
import Logging

/// The files of whoever asks.
struct ClientFiles: Sendable {
    /// All files.
    let store: FileStore

    /// Whose they are.
    let owner: String

    private let disk: DiskQueue
    private let client: Int
    private let requestID: String

    /// Those of a request.
    ///
    /// - Throws: `unbuilt` where the server keeps no files.
    init(of context: RequestContext) throws(APIError) {
        guard let store = context.backend.files else {
            throw .unbuilt(
                context.record.route,
                instead: "it keeps files only where its setting 'jobs-directory' names a folder")
        }
        self.store = store
        owner = context.caller.owner
        disk = context.backend.disk
        client = context.client
        requestID = context.id
    }

    /// Does something where it may wait for the disk.
    func run<Value: Sendable>(
        _ work: @escaping @Sendable () throws(APIError) -> Value
    ) async throws(APIError) -> Value {
        try await disk.run(for: client, work)
    }

    /// Does something with files; what goes wrong becomes an error of the API.
    func reaching<Value>(
        _ work: () throws(JobsError) -> Value
    ) throws(APIError) -> Value {
        do throws(JobsError) {
            return try work()
        } catch {
            throw APIError(error, requestID: requestID)
        }
    }

    /// The file of an id.
    ///
    /// - Throws: `itemNotFound` where the owner has none.
    func file(_ id: String) throws(APIError) -> StoredFile {
        guard let file = try reaching({ () throws(JobsError) in try store.file(id, of: owner) })
        else { throw .itemNotFound(id) }
        return file
    }
}

extension APIError {
    /// Why something is not kept, or cannot be read.
    init(_ error: JobsError, requestID: String) {
        let sentence = "\(error)".prefix(1).uppercased() + "\(error)".dropFirst() + "."
        switch error {
        case .fileTooLarge: self = .tooLarge(reason: sentence)
        case .noRoom(.bytes, _, _), .noRoom(.files, _, _): self = .forbidden(reason: sentence)
        case .noRoom(.allBytes, _, _), .diskFull: self = .noStorage(reason: sentence)
        case .held: self = .conflict(reason: sentence)
        case .otherKey, .damaged: self = .failed(reason: sentence)
        case .folder, .disk:
            // Its places on the disk are no client's affair.
            Logger(label: "cierzo.files").error("\(error)", metadata: ["request": "\(requestID)"])
            self = .failed(reason: "The server's disk does not do as it should.")
        }
    }
}
