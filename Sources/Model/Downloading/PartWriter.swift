// SPDX-License-Identifier: Apache-2.0

/// Takes an answer that is a file, or what is missing of it, into the part that there is.
final class PartWriter: AnswerReceiver {
    private let part: PartialFile
    private let file: RepositoryFile
    private let address: WebAddress
    private let progress: (Int) -> Void

    init(
        _ part: PartialFile, of file: RepositoryFile, from address: WebAddress,
        progress: @escaping (Int) -> Void
    ) {
        self.part = part
        self.file = file
        self.address = address
        self.progress = progress
    }

    /// What the request says besides: where to begin, if what has arrived is still of that version.
    var fields: [String] {
        var fields = ["Accept-Encoding: identity"]
        if part.byteCount > 0 {
            fields.append("Range: bytes=\(part.byteCount)-")
            if let tag = part.note?.tag { fields.append("If-Range: \(tag)") }
        }
        return fields
    }

    func begin(_ head: AnswerHead) throws(DownloadError) {
        if let encoding = head.fields["content-encoding"], encoding.lowercased() != "identity" {
            throw unusable("it comes as \(encoding.prefix(40)), which was not asked for")
        }
        let tag = head.fields["etag"].flatMap { tag in
            // A weak tag says nothing about the bytes.
            tag.hasPrefix("\"") && tag.utf8.count <= 200 ? tag : nil
        }
        switch head.status {
        case 200:
            if let length = head.fields["content-length"], Int(length) != file.byteCount {
                throw unusable(
                    "it has \(length.prefix(20)) bytes, the listing says \(file.byteCount)")
            }
            // All of it, so what there is of it is of no use.
            try part.restart(note(tag))
        case 206 where part.byteCount > 0:
            let range = head.fields["content-range"] ?? ""
            guard let (start, total) = Self.range(range), start == part.byteCount,
                total ?? file.byteCount == file.byteCount
            else {
                throw unusable(
                    "bytes from \(part.byteCount) on of \(file.byteCount) were asked for, and "
                        + "'\(range.prefix(80))' came")
            }
            try part.setNote(note(tag ?? part.note?.tag))
        default:
            throw unusable("status \(head.status), which was not asked for")
        }
    }

    func take(_ bytes: RawSpan) throws(DownloadError) {
        guard part.byteCount + bytes.byteCount <= file.byteCount else {
            throw unusable("it is longer than the \(file.byteCount) bytes of the listing")
        }
        try part.append(bytes)
        progress(part.byteCount)
    }

    private func note(_ tag: String?) -> PartialFile.Note {
        .init(address: address.description, digest: file.digest?.description, tag: tag)
    }

    private func unusable(_ reason: String) -> DownloadError {
        .unusable(address: address.description, reason: reason)
    }

    /// The first byte and the size of `bytes 5-9/10`; no size where it is `*`.
    private static func range(_ text: String) -> (start: Int, total: Int?)? {
        let words = text.split(separator: " ")
        guard words.count == 2, words[0].lowercased() == "bytes",
            let slash = words[1].firstIndex(of: "/"), let dash = words[1].firstIndex(of: "-"),
            dash < slash, let start = Int(words[1][..<dash])
        else { return nil }
        let total = words[1][words[1].index(after: slash)...]
        if total == "*" { return (start, nil) }
        return Int(total).map { (start, $0) }
    }
}
