// SPDX-License-Identifier: Apache-2.0

import HTTP
import HTTPTypes
import Jobs
import Synchronization

/// A file that arrives in a form, with fields before and behind it.
///
/// Of the form no more is held than a block of the file and the fields, which are short.
final class FileUpload: Upload {
    private struct State {
        var form: MultipartParser
        var fields: [(name: String, text: String)] = []
        var fileName: String?
        var writer: FileWriter?
        /// The field whose content is arriving; nil within the file.
        var field: (name: String, text: [UInt8])?
    }

    /// What a form has besides its file.
    private static let formByteCount = 256 << 10
    /// The longest content of a field, and the longest name of a file.
    private static let maxTextBytes = 1_024

    private let files: ClientFiles
    private let context: RequestContext
    private let state: Mutex<State>

    /// Begins an upload.
    ///
    /// - Parameters:
    ///   - fields: those of the request's header.
    ///   - context: what else is known of it.
    /// - Throws: `APIError` where it is no form, or is larger than any may be.
    init(_ fields: HTTPFields, _ context: RequestContext) throws(APIError) {
        files = try ClientFiles(of: context)
        self.context = context
        do throws(MultipartError) {
            let form = try MultipartParser(contentType: fields[.contentType] ?? "")
            state = Mutex(State(form: form))
        } catch {
            throw Self.failure(error)
        }
        if let length = fields[.contentLength].flatMap({ Int($0) }), length > maxByteCount {
            try files.reaching { () throws(JobsError) in
                throw .fileTooLarge(maxByteCount: files.store.limits.maxFileByteCount)
            }
        }
    }

    var maxByteCount: Int { files.store.limits.maxFileByteCount + Self.formByteCount }

    func take(_ bytes: [UInt8]) async throws(APIError) {
        try await files.run { [self] () throws(APIError) in
            try change { state throws(APIError) in
                state.form.append(bytes)
                while let event = try Self.next(&state.form) { try read(event, &state) }
            }
        }
    }

    func finish() async throws(APIError) -> ServerResponse {
        let file = try await files.run { [self] () throws(APIError) in
            try change { state throws(APIError) in try finish(&state) }
        }
        return ServerResponse(json: FileAnswers.json(of: file, in: context.dialect))
    }

    /// Changes the state, of which only one thing is changed at a time.
    private func change<Value: Sendable>(
        _ body: (inout State) throws(APIError) -> Value
    ) throws(APIError) -> Value {
        let result: Result<Value, APIError> = state.withLock { state in
            do throws(APIError) { return .success(try body(&state)) } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    // MARK: The form

    private static func next(
        _ form: inout MultipartParser
    ) throws(APIError) -> MultipartParser.Event? {
        do throws(MultipartError) { return try form.next() } catch { throw failure(error) }
    }

    private static func failure(_ error: MultipartError) -> APIError {
        switch error {
        case .otherType: .invalid("Content-Type", expected: "multipart/form-data with a boundary")
        case .malformed(let reason):
            .invalid(FieldPath(), expected: "multipart/form-data; " + reason)
        }
    }

    private func read(
        _ event: MultipartParser.Event, _ state: inout State
    ) throws(APIError) {
        switch event {
        case .part(let part): try begin(part, &state)
        case .content(let bytes):
            guard state.field != nil else {
                guard let writer = state.writer else { return }
                return try files.reaching { () throws(JobsError) in try writer.append(bytes) }
            }
            let count = (state.field?.text.count ?? 0) + bytes.count
            guard count <= Self.maxTextBytes else {
                throw .invalid(
                    FieldPath(state.field?.name ?? ""),
                    expected: "at most \(Self.maxTextBytes) bytes")
            }
            state.field?.text += bytes
        case .endOfPart:
            guard let field = state.field.take() else { return }
            guard let text = String(validating: field.text, as: UTF8.self) else {
                throw .invalid(FieldPath(field.name), expected: "UTF-8")
            }
            state.fields.append((field.name, text))
        case .end: break
        }
    }

    private func begin(
        _ part: MultipartParser.Part, _ state: inout State
    ) throws(APIError) {
        let path = FieldPath(part.name)
        guard part.name == FileFields.file.name else {
            guard part.fileName == nil else {
                throw .invalidRequest(
                    .unsupported(path, reason: "only 'file' may be a file"))
            }
            guard !state.fields.contains(where: { $0.name == part.name }) else {
                throw .invalid(path, expected: "to be there once")
            }
            state.field = (part.name, [])
            return
        }
        guard let name = part.fileName else {
            throw .invalid(path, expected: "a file, with a filename in its Content-Disposition")
        }
        guard name.utf8.count <= Self.maxTextBytes else {
            throw .invalid(path, expected: "a filename of at most \(Self.maxTextBytes) bytes")
        }
        guard state.fileName == nil else { throw .invalid(path, expected: "to be there once") }
        // What is wrong already is told before all of the file has come.
        _ = try fields(of: state, isWhole: false)
        state.fileName = name
        state.writer = try files.reaching { () throws(JobsError) in
            try files.store.make(for: files.owner)
        }
    }

    private func finish(_ state: inout State) throws(APIError) -> StoredFile {
        do throws(MultipartError) { try state.form.finish() } catch { throw Self.failure(error) }
        guard let name = state.fileName, let writer = state.writer.take() else {
            throw .invalidRequest(.missing(FieldPath(FileFields.file.name)))
        }
        let lifetime = try fields(of: state, isWhole: true)
        return try files.reaching { () throws(JobsError) in
            try writer.finish(name: name, purpose: .batch, lifetime: lifetime)
        }
    }

    /// Reads the fields beside the file.
    ///
    /// - Returns: how long it is to be kept.
    private func fields(of state: State, isWhole: Bool) throws(APIError) -> Duration? {
        try APIError.reading { () throws(FieldError) in
            let known = FileFields.form.names
            if context.rules.limits.isStrictMistral, context.dialect == .mistral,
                let unknown = state.fields.first(where: { !known.contains($0.name) })
            {
                throw .unknownField(FieldPath(unknown.name))
            }
            let reader = FieldReader(
                form: state.fields, as: FileFields.form, by: context.rules)
            _ = try reader.read(FileFields.purpose)
            try reader.refuse(FileFields.expiry)
            let anchor = try reader.read(FileFields.anchor)
            let seconds = try reader.read(FileFields.seconds)
            if isWhole, (anchor == nil) != (seconds == nil) {
                throw .missing(
                    FieldPath(anchor == nil ? FileFields.anchor.name : FileFields.seconds.name))
            }
            return seconds.map { .seconds($0) }
        }
    }
}
