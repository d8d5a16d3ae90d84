// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON

/// A server that has the API of the Hugging Face hub: the hub itself, or a mirror.
///
/// - Source: `/api/models/NAME/revision/REVISION` says the commit, `/api/models/NAME/tree/COMMIT`
///   lists files, in pages that a `Link` field connects, `/NAME/resolve/COMMIT/PATH` is a file. Of
///   large files the listing has the SHA-256, of others git's own digest.
package struct ModelHub {
    /// Where it is.
    package let address: WebAddress
    let client: HTTPSClient

    /// Where the hub is, unless the operator has a mirror.
    package static let standardAddress = "https://huggingface.co"

    private static let maxAnswerByteCount = 16 << 20
    private static let maxPageCount = 200
    private static let maxFileCount = 100_000

    /// A hub.
    ///
    /// - Parameters:
    ///   - address: of the hub or a mirror.
    ///   - configuration: what the client may do; a token goes to this address alone.
    /// - Throws: where the address or the token cannot be one.
    package init(
        _ address: String, _ configuration: HTTPSClient.Configuration
    ) throws(DownloadError) {
        guard let address = WebAddress(address), !address.text.contains("?") else {
            throw .invalid(
                what: "--mirror \(address)",
                expected: "an address such as "
                    + "https://mirror.example.org, without a user, password or query")
        }
        self.address = address
        client = try HTTPSClient(configuration, tokenFor: address)
    }

    /// Asks for a repository's commit and files.
    ///
    /// - Parameters:
    ///   - name: `OWNER/NAME`.
    ///   - revision: a branch, a tag or a commit.
    ///   - patience: what to do when the connection breaks.
    /// - Returns: the repository at that commit.
    /// - Throws: what the hub says against it.
    package func repository(
        _ name: String, revision: String, patience: Patience
    ) throws(DownloadError) -> ModelRepository {
        let parts = try Self.parts(of: name)
        guard (1...200).contains(revision.utf8.count), !revision.hasPrefix("-"),
            revision.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw .invalid(what: "--revision", expected: "a branch, a tag or a commit") }
        let (about, _, place) = try json(
            ["api", "models"] + parts + ["revision", revision], patience: patience)
        guard let commit = about["sha"]?.stringValue,
            FileDigest.isHexadecimal(commit, count: 40)
        else { throw .unusable(address: place, reason: "the answer names no commit") }
        let license = about["cardData"]?["license"]?.stringValue
        return ModelRepository(
            name: name, commit: commit, license: license.map { String($0.prefix(100)) },
            files: try files(parts, commit, patience))
    }

    /// Where a file is.
    func address(
        of file: RepositoryFile, in repository: ModelRepository
    ) throws(DownloadError) -> WebAddress {
        let path = try Self.parts(of: repository.name) + ["resolve", repository.commit] + file.path
        guard let place = address.appending(path) else {
            throw .unusable(address: address.description, reason: "no address for \(file.text)")
        }
        return place
    }

    /// The two names of a repository, which become parts of addresses and names of folders.
    private static func parts(of name: String) throws(DownloadError) -> [String] {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let isSound = parts.allSatisfy { part in
            (1...96).contains(part.utf8.count) && RepositoryFile.isName(part)
                && !part.hasPrefix(".") && !part.contains("..")
                && part.utf8.allSatisfy { byte in
                    byte < 0x80
                        && (Character(UnicodeScalar(byte)).isLetter
                            || Character(UnicodeScalar(byte)).isNumber
                            || [UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ".")]
                                .contains(byte))
                }
        }
        guard parts.count == 2, isSound else {
            throw .invalid(
                what: name, expected: "OWNER/NAME, as in mistralai/Mixtral-8x7B-Instruct-v0.1")
        }
        return parts
    }

    private func files(
        _ parts: [String], _ commit: String, _ patience: Patience
    ) throws(DownloadError) -> [RepositoryFile] {
        var files: [RepositoryFile] = []
        var paths: Set<String> = []
        var page = address.appending(
            ["api", "models"] + parts + ["tree", commit], query: "recursive=true")
        for _ in 0..<Self.maxPageCount {
            guard let here = page else { return files }
            let (value, link, place) = try json(at: here, patience)
            guard let entries = value.arrayValue else {
                throw .unusable(address: place, reason: "the listing is no list")
            }
            for entry in entries where entry["type"]?.stringValue == "file" {
                let file = try Self.file(entry, place)
                // Names that differ in case or in how an accent is written are one on some disks.
                guard paths.insert(file.text.lowercased()).inserted else {
                    throw .unusable(address: place, reason: "\(file.text) is listed twice")
                }
                files.append(file)
            }
            guard files.count <= Self.maxFileCount else {
                throw .unusable(
                    address: place, reason: "more than \(Self.maxFileCount) files")
            }
            page = try next(link, here)
        }
        throw .unusable(
            address: address.description, reason: "more than \(Self.maxPageCount) pages of files")
    }

    private static func file(
        _ entry: JSONValue, _ place: String
    ) throws(DownloadError) -> RepositoryFile {
        let path = entry["path"]?.stringValue ?? ""
        let large = entry["lfs"]?.objectValue
        let size = large?["size"]?.intValue ?? entry["size"]?.intValue ?? -1
        let digest =
            large == nil
            ? entry["oid"]?.stringValue.flatMap { FileDigest(gitBlob: $0) }
            : large?["oid"]?.stringValue.flatMap { FileDigest(sha256: $0) }
        guard large == nil || digest != nil else {
            throw .unusable(address: place, reason: "\(path) is listed without its SHA-256")
        }
        guard size <= 1 << 44,
            let file = RepositoryFile(
                path: path, byteCount: size, digest: digest)
        else {
            throw .unusable(
                address: place,
                reason: "'\(path.prefix(200))' of \(size) bytes cannot be a file here")
        }
        return file
    }

    /// The next page of a listing, of the same server: `<ADDRESS>; rel="next"`.
    private func next(_ link: String?, _ here: WebAddress) throws(DownloadError) -> WebAddress? {
        let next = (link ?? "").split(separator: ",").first { $0.contains("rel=\"next\"") }
        guard let next, let start = next.firstIndex(of: "<"), let end = next.firstIndex(of: ">"),
            start < end
        else { return nil }
        let text = String(next[next.index(after: start)..<end])
        let whole = URL(string: text, relativeTo: URL(string: here.text))?.absoluteString
        guard let address = whole.flatMap({ WebAddress($0) }), address.origin == here.origin else {
            throw .unusable(
                address: here.description, reason: "its next page is not on the same server")
        }
        return address
    }

    private func json(
        _ path: [String], patience: Patience
    ) throws(DownloadError) -> (value: JSONValue, link: String?, place: String) {
        guard let place = address.appending(path) else {
            throw .invalid(what: path.joined(separator: "/"), expected: "a name")
        }
        return try json(at: place, patience)
    }

    private func json(
        at place: WebAddress, _ patience: Patience
    ) throws(DownloadError) -> (value: JSONValue, link: String?, place: String) {
        let body = BodyCollector(of: place, limit: Self.maxAnswerByteCount)
        var attempts = patience.attempts()
        while true {
            do throws(DownloadError) {
                try client.get(place, ["Accept: application/json"], into: body)
                break
            } catch {
                try attempts.wait(after: error)
            }
        }
        do {
            let limits = JSONParser.Limits(maxBytes: Self.maxAnswerByteCount, maxValues: 4_000_000)
            return (
                try JSONParser.parse(body.bytes, limits: limits), body.head.fields["link"],
                place.description
            )
        } catch {
            throw .unusable(address: place.description, reason: "its answer is no JSON: \(error)")
        }
    }
}
