// SPDX-License-Identifier: Apache-2.0

import Access
import HTTPTypes

/// Finds out who asks: by the keys of the configuration, then by those of the key file.
final class Authenticator: Sendable {
    /// Who asks, or what may tell so in a while.
    enum Sighting: Sendable {
        /// Somebody.
        case known(Caller)

        /// Perhaps somebody; the rest takes long.
        case unverified(KeyRing.Unverified)
    }

    private let keys: APIKeys
    private let access: AccessControl?

    /// One thread, for the work is made to be expensive; few may wait, for it is done once a key.
    private let slowly = WorkQueue(name: "cierzo-access", maxThreads: 1, maxWaiting: 512)

    /// Knows these.
    init(keys: APIKeys, access: AccessControl?) {
        self.keys = keys
        self.access = access
    }

    deinit { slowly.close() }

    /// Whether a request needs a key at all.
    var isRequired: Bool { keys.isRequired || access?.knowsKeys ?? false }

    /// Who is counted under an id, with what he may do now; nil where he may not enter any more.
    func caller(id: String) throws(APIError) -> Caller? {
        guard isRequired else { return id == Caller.anybody.id ? .anybody : nil }
        if let caller = keys.caller(id: id) { return caller }
        do throws(AccessError) { return try access?.caller(id: id) } catch {
            throw .failed(reason: "\(error)")
        }
    }

    /// Says at once who asks, as far as that is known.
    ///
    /// - Throws: `unauthorized`, or `invalidToken`.
    func sight(_ fields: HTTPFields) throws(APIError) -> Sighting {
        if let caller = keys.caller(of: fields) { return .known(caller) }
        guard let access else { throw .unauthorized }
        var refusal: TokenRefusal?
        for text in APIKeys.presented(in: fields) {
            do throws(AccessError) {
                switch try access.sight(text) {
                case .known(let caller): return .known(caller)
                case .unverified(let candidate): return .unverified(candidate)
                case .refused(let found): refusal = refusal ?? found
                case .unknown: break
                }
            } catch {
                throw .failed(reason: "\(error)")
            }
        }
        if let refusal { throw .invalidToken(refusal) }
        throw .unauthorized
    }

    /// Says who asks.
    ///
    /// - Throws: as ``sight(_:)``, or `overloaded` where too many wait that have never been seen.
    func caller(_ fields: HTTPFields) async throws(APIError) -> Caller {
        switch try sight(fields) {
        case .known(let caller): return caller
        case .unverified(let candidate):
            guard let access else { throw .unauthorized }
            let result: Result<Caller?, AccessError>
            do throws(WorkQueue.Refusal) {
                result = try await slowly.run(for: 0) {
                    do throws(AccessError) {
                        return .success(try access.verify(candidate))
                    } catch {
                        return .failure(error)
                    }
                }
            } catch {
                switch error {
                case .full: throw .overloaded(retryAfterSeconds: 1)
                case .cancelled: throw .unavailable(reason: "The request was cancelled.")
                }
            }
            switch result {
            case .success(let caller?): return caller
            case .success(nil): throw .unauthorized
            case .failure(let error): throw .failed(reason: "\(error)")
            }
        }
    }
}
