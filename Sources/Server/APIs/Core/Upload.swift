// SPDX-License-Identifier: Apache-2.0

import HTTP

/// A body that an endpoint takes as it arrives; one that is dropped has left nothing.
protocol Upload: Sendable {
    /// The largest body.
    var maxByteCount: Int { get }

    /// Takes what comes next.
    func take(_ bytes: [UInt8]) async throws(APIError)

    /// Answers, once all has been taken.
    func finish() async throws(APIError) -> ServerResponse
}

/// An upload that a connection is receiving.
struct ArrivingUpload: BodySink {
    private let upload: any Upload
    private let answer: @Sendable (Result<ServerResponse, APIError>) async -> ServerResponse

    /// An upload, and what makes an answer of what came of it.
    init(
        _ upload: any Upload,
        _ answer: @escaping @Sendable (Result<ServerResponse, APIError>) async -> ServerResponse
    ) {
        self.upload = upload
        self.answer = answer
    }

    var maxByteCount: Int { upload.maxByteCount }

    func take(_ bytes: [UInt8]) async -> ServerResponse? {
        do throws(APIError) {
            try await upload.take(bytes)
            return nil
        } catch {
            return await answer(.failure(error))
        }
    }

    /// The answer after the end of the body.
    func finish() async -> ServerResponse {
        do throws(APIError) {
            return await answer(.success(try await upload.finish()))
        } catch {
            return await answer(.failure(error))
        }
    }
}
