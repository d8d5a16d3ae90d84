// SPDX-License-Identifier: Apache-2.0

package import JSON

/// A line of a batch's input: one request.
struct BatchLine {
    /// What its client calls it; no other line of the batch is called so.
    let customID: String

    /// The request's body.
    let body: JSONObject

    /// The longest name.
    static let maxNameByteCount = 512

    /// As many values as the body of a request may have, and those around it.
    private static let limits = JSONParser.Limits(
        maxDepth: 66, maxValues: (1 << 20) + (1 << 16) + 8, replacesLoneSurrogates: true,
        keepsDigits: true)

    /// Reads a line of either vendor's form.
    ///
    /// OpenAI's has `method` and `url`, which must be the batch's; Mistral's may leave both out, and the
    /// model, which the batch has then. One that has no name is called by its place, as Mistral's may be.
    ///
    /// - Parameters:
    ///   - bytes: the line.
    ///   - form: what it must be.
    ///   - index: its place among the lines, from 0.
    /// - Throws: ``BatchFault``, without its line.
    init(_ bytes: [UInt8], of form: BatchForm, index: Int) throws(BatchFault) {
        let value: JSONValue
        do {
            value = try JSONParser.parse(bytes, limits: Self.limits)
        } catch {
            throw BatchFault("invalid_json_line", "not one JSON object: \(error)")
        }
        guard case .object(let line) = value else {
            throw BatchFault("invalid_json_line", "expected an object, found \(value.kindName)")
        }
        var name = line["custom_id"] ?? .null
        if name.isNull {
            guard form.isMistral else {
                throw BatchFault(
                    "missing_required_parameter", "custom_id is missing", "custom_id")
            }
            name = .string(String(index))
        }
        guard case .string(let customID) = name,
            (1...Self.maxNameByteCount).contains(customID.utf8.count)
        else {
            throw BatchFault(
                "invalid_custom_id",
                "custom_id: expected a string of 1 to \(Self.maxNameByteCount) bytes, found "
                    + name.kindName, "custom_id")
        }
        for (member, wanted) in [("method", "POST"), ("url", form.endpoint)] {
            guard let found = line[member] else {
                if form.isMistral { continue }
                throw BatchFault(
                    "missing_required_parameter", "\(member) is missing; expected \"\(wanted)\"",
                    member)
            }
            let text = found.stringValue ?? ""
            guard text == wanted || member == "url" && "/v1" + text == wanted else {
                throw BatchFault(
                    member == "url" ? "mismatched_endpoint" : "invalid_method",
                    "\(member): expected \"\(wanted)\"" + (member == "url" ? ", as the batch" : ""),
                    member)
            }
        }
        guard let body = line["body"] else {
            throw BatchFault("missing_required_parameter", "body is missing", "body")
        }
        guard case .object(var members) = body else {
            throw BatchFault(
                "invalid_type", "body: expected an object, found \(body.kindName)", "body")
        }
        if let model = form.model, members["model"] == nil { members["model"] = .string(model) }
        guard members["model"] == nil || members["model"]?.stringValue != nil else {
            throw BatchFault("invalid_type", "body.model: expected a string", "body.model")
        }
        guard
            members["stream"] == nil || members["stream"] == .bool(false)
                || members["stream"] == .null
        else {
            throw BatchFault(
                "unsupported_parameter", "body.stream: a batch's answers are not streamed",
                "body.stream")
        }
        self.customID = customID
        self.body = members
    }
}

/// What the lines of a batch must be.
package struct BatchForm: Hashable, Sendable {
    /// The path that all of them ask.
    package let endpoint: String

    /// The model of lines that name none; nil where each must.
    package var model: String?

    /// Whether they may leave out what the batch says.
    package var isMistral = false

    /// What they must be.
    package init(endpoint: String, model: String? = nil, isMistral: Bool = false) {
        self.endpoint = endpoint
        self.model = model
        self.isMistral = isMistral
    }
}

/// What is wrong with a batch, or with a line of it.
package struct BatchFault: Error, Hashable, Sendable {
    /// The kind, for programs.
    package let code: String

    /// One sentence.
    package let message: String

    /// The member that it is about; nil for the whole.
    package let parameter: String?

    /// The line, from 1; nil for the whole file.
    package var line: Int?

    /// A fault.
    package init(_ code: String, _ message: String, _ parameter: String? = nil, line: Int? = nil) {
        self.code = code
        self.message = message
        self.parameter = parameter
        self.line = line
    }

    /// What a batch has cannot be read any more.
    init(_ error: JobsError) { self.init("batch_unreadable", "\(error)") }

    /// As OpenAI's API tells it.
    package var json: JSONValue {
        [
            "code": .string(code), "message": .string(message),
            "param": parameter.map { .string($0) } ?? .null,
            "line": line.map { .integer($0) } ?? .null,
        ]
    }

    /// What ``json`` has written.
    init?(_ json: JSONValue) {
        guard let code = json["code"]?.stringValue, let message = json["message"]?.stringValue
        else { return nil }
        self.init(code, message, json["param"]?.stringValue, line: json["line"]?.intValue)
    }
}
