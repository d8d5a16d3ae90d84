// SPDX-License-Identifier: Apache-2.0

import HTTP

extension Fuzzer {
    static let http = [requests, gzip, multipart]

    /// Requests on a connection: they read the same however the network has cut them.
    private static let requests = Fuzzer("http-requests") { input in
        let whole = outcome([input])
        for size in [1, 7] where outcome(input.pieces(of: size)) != whole {
            return "reads differently in pieces of \(size)"
        }
        if case .messages(let messages) = whole {
            for message in messages where message.body.count > limits.maxBodyBytes {
                return "a body has \(message.body.count) bytes"
            }
        }
        return nil
    }

    private static let limits = RequestParser.Limits(
        maxRequestLineBytes: 256, maxHeaderBytes: 1_024, maxHeaderCount: 16, maxBodyBytes: 2_048)

    private struct Message: Equatable {
        let head: RequestHead
        var body: [UInt8] = []
        var isComplete = false
    }

    private enum Outcome: Equatable {
        case messages([Message])
        case refused([Message], RequestError)
    }

    private static func outcome(_ pieces: [[UInt8]]) -> Outcome {
        var parser = RequestParser(limits: limits)
        var messages: [Message] = []
        do throws(RequestError) {
            for piece in pieces {
                parser.append(piece)
                while let event = try parser.next() {
                    switch event {
                    case .head(let head): messages.append(Message(head: head))
                    case .body(let bytes): messages[messages.count - 1].body += bytes
                    case .end: messages[messages.count - 1].isComplete = true
                    }
                }
            }
        } catch {
            return .refused(messages, error)
        }
        return .messages(messages)
    }

    /// Bodies that are compressed: they never grow beyond their bound, and inflate the same however
    /// the network has cut them.
    private static let gzip = Fuzzer("gzip") { input in
        let whole = inflated([input])
        guard whole.count <= maxInflatedBytes else { return "grows to \(whole.count) bytes" }
        // What is inflated before a refusal depends on the cuts.
        guard whole.isComplete else { return nil }
        return inflated(input.pieces(of: 5)) == whole ? nil : "inflates differently in pieces"
    }

    private static let maxInflatedBytes = 1 << 20

    private struct Inflated: Equatable {
        var bytes: [UInt8] = []
        var isComplete = false

        var count: Int { bytes.count }
    }

    /// Forms with files: a type and a body, which read the same however the network has cut them.
    private static let multipart = Fuzzer("multipart") { input in
        let parts = input.parts(2)
        let whole = form(of: parts[0].text, [parts[1]])
        for size in [1, 7] where form(of: parts[0].text, parts[1].pieces(of: size)) != whole {
            return "reads differently in pieces of \(size)"
        }
        let count = whole.parts.reduce(0) { $0 + $1.content.count }
        guard count <= input.count else { return "has grown to \(count) bytes" }
        guard whole.error == nil || !whole.isComplete else { return "is complete and refused" }
        return nil
    }

    private struct Form: Equatable {
        struct Part: Equatable {
            let header: MultipartParser.Part
            var content: [UInt8] = []
            var hasEnded = false
        }

        var parts: [Part] = []
        var isComplete = false
        var error: MultipartError?
    }

    private static func form(of type: String, _ pieces: [[UInt8]]) -> Form {
        var form = Form()
        do throws(MultipartError) {
            var parser = try MultipartParser(contentType: type)
            for piece in pieces {
                parser.append(piece)
                while let event = try parser.next() {
                    switch event {
                    case .part(let part): form.parts.append(Form.Part(header: part))
                    case .content(let bytes): form.parts[form.parts.count - 1].content += bytes
                    case .endOfPart: form.parts[form.parts.count - 1].hasEnded = true
                    case .end: break
                    }
                }
            }
            try parser.finish()
            form.isComplete = form.parts.allSatisfy(\.hasEnded)
        } catch {
            form.error = error
        }
        return form
    }

    private static func inflated(_ pieces: [[UInt8]]) -> Inflated {
        let inflater = GzipInflater(maxBytes: maxInflatedBytes)
        var result = Inflated()
        do throws(RequestError) {
            for piece in pieces { try inflater.append(piece, to: &result.bytes) }
            try inflater.finish()
            result.isComplete = true
        } catch {
            result.isComplete = false
        }
        return result
    }
}
