// SPDX-License-Identifier: Apache-2.0

import CFiles
import Foundation
import Glibc
import JSON

/// The manifest of a model that was fetched, in the form of `models/`.
struct PulledManifest {
    /// The name of the model here, by which its file is called, too.
    let name: String
    let weights: String
    let text: String

    /// Writes down what was fetched.
    ///
    /// - Parameters:
    ///   - variant: what was fetched.
    ///   - repository: of which it is.
    ///   - host: the address of the hub.
    init(_ variant: ModelVariant, of repository: ModelRepository, from host: String) {
        name = variant.stem.lowercased()
        weights = "weights/" + variant.place
        var source = JSONObject()
        source["kind"] = "huggingface"
        source["repository"] = .string(repository.name)
        source["revision"] = .string(repository.commit)
        source["host"] = .string(host)
        var sha256: JSONValue = .null
        if variant.files.count == 1, case .sha256(let digits)? = variant.files[0].digest {
            sha256 = .string(digits)
        }
        source["sha256"] = sha256
        source["files"] = .array(
            variant.files.map { file in
                var object = JSONObject()
                object["path"] = .string(file.text)
                object["bytes"] = .integer(file.byteCount)
                switch file.digest {
                case .sha256(let digits)?: object["sha256"] = .string(digits)
                case .gitBlob(let digits)?: object["git_blob"] = .string(digits)
                case nil: break
                }
                return .object(object)
            })
        if let license = repository.license { source["license"] = .string(license) }
        var manifest = JSONObject()
        manifest["name"] = .string(variant.stem)
        manifest["aliases"] = .array([.string(repository.name)])
        manifest["description"] = .string(
            "\(repository.name), \(variant.type), as `cierzo pull` fetched it.")
        manifest["weights"] = .string(weights)
        manifest["source"] = .object(source)
        manifest["prompt_format"] = "auto"
        text = JSONValue.object(manifest).serialized(.pretty) + "\n"
    }

    /// Writes it, unless a manifest of these weights is there, which may say more.
    ///
    /// - Parameter folder: of the manifests.
    /// - Returns: the path of the manifest, and whether it was written.
    /// - Throws: where another one is in its place.
    func write(into folder: String) throws(DownloadError) -> (path: String, isNew: Bool) {
        let path = "\(folder)/\(name).json"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        // Its own first, then by name: several may name the same weights.
        let others = names.sorted().filter { $0.hasSuffix(".json") && $0 != "\(name).json" }
        for candidate in ["\(name).json"] + others {
            guard
                let file = FileHandle(forReadingAtPath: "\(folder)/\(candidate)"),
                let data = try? file.read(upToCount: 1 << 20),
                let value = try? JSONParser.parse([UInt8](data))
            else { continue }
            if value["weights"]?.stringValue == weights {
                // What this command wrote before is brought up to date, what people wrote stays.
                let isOurs = value["source"]?["files"] != nil
                if isOurs, candidate == "\(name).json" { break }
                return ("\(folder)/\(candidate)", false)
            }
            if candidate == "\(name).json" {
                throw .unwritable(path: path, reason: "it exists, and names other weights")
            }
        }
        let partial = "\(folder)/.\(name).json.part"
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: partial))
        } catch {
            throw .unwritable(path: path, reason: "cannot be written")
        }
        guard unsafe rename(partial, path) == 0 else {
            let reason = systemReason()
            unsafe _ = unlink(partial)
            throw .unwritable(path: path, reason: reason)
        }
        return (path, true)
    }
}
