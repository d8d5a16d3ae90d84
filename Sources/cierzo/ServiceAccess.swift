// SPDX-License-Identifier: Apache-2.0

import Access
import Foundation
import Logging

/// Who may use the server, besides those whom the configuration names.
struct ServiceAccess: Sendable {
    let control: AccessControl
    let logger: Logger

    /// Reads what may have changed, and says what came of it.
    ///
    /// - Parameter always: whether also what seems to be as it was.
    func reload(always: Bool = false) {
        for change in control.reload(always: always) {
            switch change {
            case .none: break
            case .loaded(let count):
                logger.notice("keys read again", metadata: ["keys": "\(count)"])
            case .kept(let error):
                logger.error("the keys stay as they were: \(error)")
            }
        }
    }

    /// Looks every second whether the file has changed, on a thread that may wait for a slow disk.
    func watch() {
        let thread = Thread {
            while true {
                sleep(1)
                reload()
            }
        }
        thread.name = "cierzo-keys"
        thread.stackSize = 1 << 20
        thread.start()
    }
}

extension ServiceConfiguration {
    /// Opens the files of keys, usage and records, if there are to be any.
    func openAccess(_ logger: Logger) throws(SettingsError) -> ServiceAccess? {
        guard keyFile != nil || usageFile != nil || audit != nil else { return nil }
        let clock = AccessClock.system { Int(Date().timeIntervalSince1970) }
        let ring = try openKeys(clock, logger)
        let issuer = try openIssuer(clock)
        let records = try openAudit(clock, logger)
        do throws(AccessError) {
            let usage = try usageFile.map { path throws(AccessError) in
                try UsageLedger(path: path, unixTime: clock.unixTime) { logger.error("\($0)") }
            }
            let control = try AccessControl(
                keys: ring, issuer: issuer, usage: usage, audit: records, clock: clock)
            return ServiceAccess(control: control, logger: logger)
        } catch {
            throw .invalid(
                key: "usage-file", source: "configuration",
                expected: "a file of usage that can be written", found: "\(error)")
        }
    }

    /// Opens the folder of records, if there is to be one.
    private func openAudit(
        _ clock: AccessClock, _ logger: Logger
    ) throws(SettingsError) -> AuditLog? {
        let content = try auditedContent()
        guard let audit else { return nil }
        var limits = AuditLog.Limits()
        limits.maxFileByteCount = auditFileByteCount
        limits.maxAge = auditAge.map { Int($0.components.seconds) }
        do throws(AccessError) {
            return try AuditLog(
                folder: audit, limits: limits, content: content, unixTime: clock.unixTime
            ) { logger.error("\($0)") }
        } catch {
            throw .invalid(
                key: "audit", source: "configuration",
                expected: "a folder of records that can be written", found: "\(error)")
        }
    }

    /// Of whom content is recorded, if it is of anybody.
    private func auditedContent() throws(SettingsError) -> AuditContent? {
        guard auditContent != .none else { return nil }
        func reject(_ key: String, _ expected: String, _ found: String) -> SettingsError {
            .invalid(key: key, source: "configuration", expected: expected, found: found)
        }
        guard audit != nil else {
            throw reject("audit-content", "audit besides, where it is written", "none")
        }
        guard let auditContentKey else {
            throw reject(
                "audit-content", "audit-content-key besides: content is never written unsealed",
                "none")
        }
        do throws(AccessError) {
            return AuditContent(auditContent, for: try ContentKey(path: auditContentKey))
        } catch {
            throw reject(
                "audit-content-key", "a public key of `cierzo audit keygen`", "\(error)")
        }
    }

    /// Reads the key file, if there is one.
    private func openKeys(
        _ clock: AccessClock, _ logger: Logger
    ) throws(SettingsError) -> KeyRing? {
        guard let keyFile else { return nil }
        let ring: KeyRing
        do throws(AccessError) {
            ring = try KeyRing(path: keyFile, unixTime: clock.unixTime)
        } catch {
            throw .invalid(
                key: "key-file", source: "configuration",
                expected: "a file of `cierzo keys` that only its owner may read", found: "\(error)")
        }
        logger.info("keys", metadata: ["file": "\(keyFile)", "keys": "\(ring.count)"])
        return ring
    }

    /// Reads the keys of whoever issues tokens, if tokens are taken.
    private func openIssuer(_ clock: AccessClock) throws(SettingsError) -> TokenIssuer? {
        guard let jwtIssuer, let jwtAudience, jwtKeys != nil || jwtSecret != nil else { return nil }
        do throws(AccessError) {
            return try TokenIssuer(
                TokenIssuer.Configuration(
                    keyFile: jwtKeys, secretFile: jwtSecret, issuer: jwtIssuer,
                    audience: jwtAudience, leeway: Int(jwtLeeway.components.seconds)),
                unixTime: clock.unixTime)
        } catch {
            throw .invalid(
                key: jwtKeys == nil ? "jwt-secret" : "jwt-keys", source: "configuration",
                expected: "the keys of an issuer", found: "\(error)")
        }
    }

    /// Checks that the settings of tokens go together.
    func checkTokens() throws(SettingsError) {
        let settings = [
            ("jwt-keys", jwtKeys), ("jwt-secret", jwtSecret), ("jwt-issuer", jwtIssuer),
            ("jwt-audience", jwtAudience),
        ]
        guard let first = settings.first(where: { $0.1 != nil }) else { return }
        func reject(_ expected: String) -> SettingsError {
            .invalid(
                key: first.0, source: "configuration", expected: expected, found: first.1 ?? "")
        }
        if jwtIssuer == nil || jwtAudience == nil || (jwtKeys == nil && jwtSecret == nil) {
            throw reject("jwt-issuer, jwt-audience, and jwt-keys or jwt-secret besides")
        }
        if keyFile == nil { throw reject("a key-file with tenants besides") }
    }
}
