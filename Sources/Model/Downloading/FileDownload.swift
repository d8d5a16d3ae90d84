// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// Fetches one file: from where an earlier attempt ended, until all of it is there.
///
/// Under its name there is never anything that has another digest.
struct FileDownload {
    let file: RepositoryFile
    let address: WebAddress
    /// The path of the file here.
    let target: String
    let replaces: Bool

    /// What became of it.
    enum Outcome {
        case wasThere
        case fetched
    }

    /// What is being done to it, and to how many of its bytes it is done.
    enum Progress {
        case fetching(Int)
        case checking(Int)
    }

    /// Fetches it, unless it is there.
    ///
    /// - Parameters:
    ///   - client: asks.
    ///   - patience: what to do when the connection breaks.
    ///   - progress: is told again and again.
    /// - Returns: whether it had to be fetched.
    /// - Throws: what is in the way.
    func run(
        with client: HTTPSClient, _ patience: Patience, progress: @escaping (Progress) -> Void
    ) throws(DownloadError) -> Outcome {
        if try isThere(progress) { return .wasThere }
        let part = try PartialFile(of: target)
        // What was put together from several answers may be of several files: then once more, from
        // its beginning.
        for isLast in [false, true] {
            let isJoined = try fetch(part, with: client, patience, progress)
            guard let found = try mismatch(of: part, progress) else {
                try part.finish(replaces: replaces)
                return .fetched
            }
            guard isLast || !isJoined else {
                try part.restart(note(tag: nil))
                continue
            }
            part.remove()
            throw .damaged(
                path: target, expected: file.digest.map(\.description) ?? "known", found: found)
        }
        return .fetched
    }

    /// Whether the whole file is there.
    ///
    /// - Throws: where another one of that name is in the way.
    private func isThere(_ progress: (Progress) -> Void) throws(DownloadError) -> Bool {
        var status = stat()
        guard unsafe stat(target, &status) == 0 else { return false }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .unwritable(path: target, reason: "this is no regular file")
        }
        if Int(status.st_size) == file.byteCount, let expected = file.digest {
            let descriptor = unsafe open(target, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                throw .unwritable(path: target, reason: systemReason())
            }
            defer { close(descriptor) }
            let digest = try RunningDigest(expected, byteCount: file.byteCount)
            try addFile(descriptor, byteCount: file.byteCount, path: target, to: digest) {
                progress(.checking($0))
            }
            if digest.finish() == expected { return true }
        }
        guard replaces else {
            throw .unwritable(
                path: target, reason: "it exists, and is another version; --force replaces it")
        }
        return false
    }

    /// Fetches what is missing, in as many attempts as it takes.
    ///
    /// - Returns: whether it was put together from several answers.
    private func fetch(
        _ part: PartialFile, with client: HTTPSClient, _ patience: Patience,
        _ progress: @escaping (Progress) -> Void
    ) throws(DownloadError) -> Bool {
        // Bytes that nobody knows what they are of, or too many of them, are worth nothing.
        let isKnown = part.note.map { note in
            file.digest == nil
                ? note.tag != nil && note.address == address.description
                : note.digest == file.digest?.description
        }
        if isKnown != true || part.byteCount > file.byteCount {
            try part.restart(note(tag: nil))
        }
        var isJoined = part.byteCount > 0
        var attempts = patience.attempts()
        progress(.fetching(part.byteCount))
        while part.byteCount < file.byteCount {
            let before = part.byteCount
            isJoined = isJoined || before > 0
            let writer = PartWriter(part, of: file, from: address) { progress(.fetching($0)) }
            do throws(DownloadError) {
                do throws(DownloadError) {
                    try client.get(address, writer.fields, into: writer)
                } catch .refused(_, let reason) where reason.hasPrefix("status 416") && before > 0 {
                    try part.restart(note(tag: nil))
                }
                guard part.byteCount == file.byteCount else {
                    throw .broken(
                        address: address.description,
                        reason:
                            "the answer ended after \(part.byteCount) of \(file.byteCount) bytes"
                    )
                }
            } catch {
                if part.byteCount >= before + 1 << 16 { attempts.succeed() }
                try attempts.wait(after: error)
            }
        }
        return isJoined
    }

    /// Checks length and digest.
    ///
    /// - Returns: what is found in place of what should be; nil where all is well.
    private func mismatch(
        of part: PartialFile, _ progress: (Progress) -> Void
    ) throws(DownloadError) -> String? {
        guard part.byteCount == file.byteCount else { return "\(part.byteCount) bytes" }
        guard let expected = file.digest else { return nil }
        let digest = try RunningDigest(expected, byteCount: file.byteCount)
        try part.add(to: digest) { progress(.checking($0)) }
        let found = digest.finish()
        return found == expected ? nil : found?.description ?? "none"
    }

    private func note(tag: String?) -> PartialFile.Note {
        .init(address: address.description, digest: file.digest?.description, tag: tag)
    }
}
