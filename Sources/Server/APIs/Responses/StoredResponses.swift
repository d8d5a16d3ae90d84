// SPDX-License-Identifier: Apache-2.0

import Access
import JSON
import Logging
import Storage

/// The responses that one client had kept.
struct StoredResponses: Sendable {
    private let store: RecordStore
    private let owner: String
    private let requestID: String

    /// What a client is told that counts on storage where there is none; the rest says what to do.
    static let absence =
        "this server stores no responses, for its setting 'storage' names no folder; "

    /// Those of whoever asks; nil where nothing is kept.
    init?(of context: RequestContext) {
        guard let storage = context.backend.storage else { return nil }
        store = storage
        owner = context.caller.owner
        requestID = context.id
    }

    /// A response by its identity, if there is one.
    func response(_ id: String) -> StoredResponse? {
        store.bytes(id: id, owner: owner).flatMap(StoredResponse.init)
    }

    /// The items of some ids that are stored for this owner.
    ///
    /// Each record is read once, and only one is held at a time.
    func items(_ ids: [String]) -> [String: JSONValue] {
        // The identity of an item has that of its response in it.
        let names = Dictionary(grouping: ids) { id in
            "resp_" + id.drop { $0 != "_" }.dropFirst().prefix(32)
        }
        var found: [String: JSONValue] = [:]
        for (name, ids) in names {
            let wanted = Set(ids)
            for item in response(name)?.context ?? [] {
                if let id = item["id"]?.stringValue, wanted.contains(id) { found[id] = item }
            }
        }
        return found
    }

    /// Keeps a response; one that is too large for all storage is only answered.
    func keep(_ response: StoredResponse) {
        guard let id = response.response["id"]?.stringValue else { return }
        do throws(StorageError) {
            try store.put(response.bytes, id: id, owner: owner)
        } catch {
            Logger(label: "cierzo.storage").error(
                "\(error)", metadata: ["request": "\(requestID)"])
        }
    }

    /// Forgets a response, and returns when nothing of it is left on disk.
    ///
    /// - Returns: whether there was one.
    ///
    /// - Throws: `StorageError` where it stays on the disk.
    func remove(_ id: String) async throws(StorageError) -> Bool {
        try await store.remove(id: id, owner: owner)
    }
}

/// A response with all that led to it.
struct StoredResponse: Sendable {
    /// The response as it was answered.
    let response: JSONObject

    /// The items of its request, and before them those of all responses that it goes on from.
    let input: [JSONValue]

    /// A response whose request had these items; those without an identity get one.
    init?(_ response: JSONValue, input: [JSONValue]) {
        guard let object = response.objectValue, let id = object["id"]?.stringValue else {
            return nil
        }
        let name = id.drop { $0 != "_" }.dropFirst()
        self.response = object
        self.input = input.enumerated().map { index, item in
            guard var named = item.objectValue, named["id"]?.stringValue == nil else { return item }
            named["id"] = .string("\(Self.prefix(of: named))\(name)i\(index)")
            return .object(named)
        }
    }

    /// Reads what was kept.
    init?(_ bytes: [UInt8]) {
        // As requests are read, so that no digit of a number is lost.
        let limits = JSONParser.Limits(
            maxBytes: 1 << 30, maxDepth: 80, maxValues: 1 << 22, keepsDigits: true)
        guard let record = try? JSONParser.parse(bytes, limits: limits),
            let response = record["response"]?.objectValue, let input = record["input"]?.arrayValue
        else { return nil }
        self.response = response
        self.input = input
    }

    /// What is kept.
    var bytes: [UInt8] {
        let record: JSONValue = ["response": .object(response), "input": .array(input)]
        return record.serializedBytes()
    }

    /// What a request that goes on from here has before its own items.
    var context: [JSONValue] { input + (response["output"]?.arrayValue ?? []) }

    private static func prefix(of item: JSONObject) -> String {
        switch item["type"]?.stringValue {
        case "function_call": "fc_"
        case "function_call_output": "fco_"
        case "custom_tool_call": "ctc_"
        case "custom_tool_call_output": "ctco_"
        case "reasoning": "rs_"
        default: "msg_"
        }
    }

    /// The items of the request with all members that the SDKs require.
    var listedInput: [JSONValue] { input.map(Self.listed) }

    private static func listed(_ item: JSONValue) -> JSONValue {
        guard var object = item.objectValue else { return item }
        if object["status"]?.stringValue == nil { object["status"] = "completed" }
        guard object["role"] != nil else {
            if object["type"] == "reasoning", object["summary"] == nil { object["summary"] = [] }
            return .object(object)
        }
        object["type"] = "message"
        let isAnswer = object["role"] == "assistant"
        let parts: [JSONValue]
        switch object["content"] {
        case .string(let text)?: parts = [["type": "text", "text": .string(text)]]
        case .array(let values)?: parts = values
        default: parts = []
        }
        object["content"] = .array(
            parts.map { part in
                guard var typed = part.objectValue, typed["text"] != nil else { return part }
                typed["type"] = isAnswer ? "output_text" : "input_text"
                if isAnswer, typed["annotations"] == nil { typed["annotations"] = [] }
                return .object(typed)
            })
        return .object(object)
    }
}
