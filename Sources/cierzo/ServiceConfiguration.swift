// SPDX-License-Identifier: Apache-2.0

package import APIs
import Access
import Console
package import HTTP
import Jobs
import Logging
package import Serving
import Storage

/// All that settings decide about a server, with their defaults: those of the rooms below are their
/// own, and what only the program knows stands here.
package struct ServiceConfiguration: SettingSubject {
    /// What to serve.
    var model: String?
    /// What to serve besides.
    package var models: [ModelRecord] = []
    /// How much memory all models may take together.
    var memoryLimit: MemoryLimit?
    /// How long a request waits for room in memory for its model.
    var modelWait = ModelResidency.Configuration().longestWait
    var acceptsStale = false
    var verifiesWeights = false
    var servedName: String?

    var apiKeys: [String] = []
    /// One for each key, or none.
    var keyWeights: [Int] = []
    /// The file of `cierzo keys`; nil for none.
    var keyFile: String?
    /// The public keys of whoever issues tokens.
    var jwtKeys: String?
    /// The secret of HS256.
    var jwtSecret: String?
    var jwtIssuer: String?
    var jwtAudience: String?
    /// How much clocks may differ.
    var jwtLeeway = Duration.seconds(30)

    /// The file of what everybody consumes; nil to count nothing.
    var usageFile: String?
    /// The folder of records of requests; nil to keep none.
    var audit: String?
    /// Of whom content is recorded.
    var auditContent = AuditContent.Policy.none
    /// The file of the public key that it is sealed for.
    var auditContentKey: String?
    var auditFileByteCount = AuditLog.Limits().maxFileByteCount
    /// How long records are kept; nil for ever.
    var auditAge: Duration?
    /// Whether everybody may ask who can reach the address.
    var isInsecure = false
    var allowedOrigins: [String] = []
    var allowedHosts: [String] = []

    /// Whether browsers get the page.
    var hasPage = true
    /// The servers of tools that it may ask.
    var toolServers: [String] = []

    /// The folder of responses that clients may come back to; nil to keep none.
    var storage: String?
    var storageLimits = RecordLimits()

    /// The folder of files and jobs; nil to keep none.
    var jobsDirectory: String?
    /// The file of the key that they are encrypted with; nil for none.
    var jobsKey: String?
    var fileLimits = FileLimits()
    var batchLimits = BatchLimits()
    /// Who is told that a batch has ended, and the file of what that is signed with; nil for nobody.
    var batchWebhook: String?
    var batchWebhookSecret: String?

    /// The folder of KV blocks that outlive the process; nil to keep none.
    var cacheDirectory: String?
    /// The most bytes of them.
    var cacheDiskByteCount = 10 << 30

    var engine = EngineAssembly()
    /// What the API does.
    package var api = APIServer.Configuration(version: Build.version)
    /// Where and how requests come in.
    package var http = HTTPServer.Configuration()

    /// What running requests have to finish in when the server is asked to stop.
    var shutdownGrace = Duration.seconds(30)
    var logLevel = Logger.Level.info
    var logFormat = LogFormat.text
    /// The collector of traces; nil for none.
    var traceEndpoint: String?

    /// The defaults.
    package init() {}

    /// The models to serve, the default one first, once all settings agree with each other.
    ///
    /// - Throws: ``SettingsError`` that names the setting.
    package func validatedModels() throws(SettingsError) -> [ModelEntry] {
        func reject(_ key: String, _ expected: String, _ found: String) -> SettingsError {
            .invalid(key: key, source: "configuration", expected: expected, found: found)
        }
        guard http.isLocal || needsKey || isInsecure else {
            throw reject(
                "host", "a loopback address, or api-keys, or key-file, or insecure: true", address)
        }
        if http.tls.isWanted {
            guard http.tls.certificate != nil else {
                throw reject("tls-cert", "a certificate where another tls- key is set", "none")
            }
            guard http.tls.key != nil else {
                throw reject("tls-key", "the key of tls-cert", "none")
            }
        }
        guard keyWeights.isEmpty || keyWeights.count == apiKeys.count else {
            throw reject(
                "key-weights", "as many weights as there are api-keys", "\(keyWeights.count)")
        }
        try checkTokens()
        guard http.bodyMemoryByteCount >= http.limits.maxBodyBytes else {
            throw reject(
                "max-body-memory", "room for one body of max-body-bytes",
                byteText(http.bodyMemoryByteCount))
        }
        var first = ModelRecord()
        first.path = model
        first.name = servedName
        let records = (model == nil ? [] : [first]) + models
        if records.isEmpty {
            throw SettingsError.missing(
                key: "model",
                hint: "give --model FILE, or model: or models: in the configuration file")
        }
        var entries: [ModelEntry] = []
        for (index, record) in records.enumerated() {
            let key = "models[\(index - (model == nil ? 0 : 1))]"
            entries.append(try entry(record, named: key, isOnly: records.count == 1))
        }
        return entries
    }

    /// What a record says, and for the rest what is said of all models.
    private func entry(
        _ record: ModelRecord, named key: String, isOnly: Bool
    ) throws(SettingsError) -> ModelEntry {
        guard let path = record.path, !path.isEmpty else {
            throw SettingsError.missing(key: "\(key).path", hint: "say what to serve")
        }
        var own = self
        for limit in ModelTable.limitKeys {
            guard let value = record.limits[key: limit], let row = SettingTable.row(limit) else {
                continue
            }
            do throws(SettingRejection) { try row.set(value, in: &own) } catch {
                throw .invalid(
                    key: "\(key).limits.\(limit)", source: "configuration",
                    expected: error.expected, found: error.found)
            }
        }
        var entry = ModelEntry(path: path)
        entry.name = record.name
        entry.aliases = record.aliases
        for text in record.adapters {
            guard let sign = text.firstIndex(of: "="), sign > text.startIndex,
                text.index(after: sign) < text.endIndex
            else {
                throw .invalid(
                    key: "\(key).adapters", source: "configuration", expected: "NAME=PATH",
                    found: text)
            }
            entry.adapters.append(
                (name: String(text[..<sign]), path: String(text[text.index(after: sign)...])))
        }
        // Nobody else could need its memory.
        entry.isPinned = record.isPinned || isOnly
        entry.temperature = record.temperature
        entry.maxTokens = record.maxTokens
        entry.assembly = own.engine
        entry.assembly.share = record.priority
        entry.assembly.memoryByteCount = isOnly && memoryLimit == nil ? nil : memoryByteCount
        entry.acceptsStale = acceptsStale
        entry.verifiesWeights = verifiesWeights
        return entry
    }

    /// The bytes that all models may take together, where that is limited at all.
    private var memoryByteCount: Int {
        (memoryLimit ?? .standard).byteCount(of: MachineMemory.byteCount())
    }

    /// How models share memory.
    ///
    /// - Parameter modelCount: how many there are.
    /// - Returns: one model alone has no limit that nobody has set.
    func residency(modelCount: Int) -> ModelResidency.Configuration {
        ModelResidency.Configuration(
            budget: modelCount == 1 && memoryLimit == nil ? .max : memoryByteCount,
            longestWait: modelWait)
    }

    /// Whether requests need a key.
    var needsKey: Bool { !apiKeys.isEmpty || keyFile != nil }

    /// Where the server listens, as the configuration or who started it says.
    var address: String {
        http.inherited.isEmpty
            ? http.host : http.inherited.map(\.address.name).joined(separator: " ")
    }

    /// The path of the Unix socket that it listens on, if it does.
    var socketPath: String? {
        ListeningHost(http.inherited.first?.address.name ?? http.host).socketPath
    }

    /// The keys that open the server, and what each gets of it.
    var keys: APIKeys { APIKeys(apiKeys, weights: keyWeights) }

    /// What web pages may do.
    ///
    /// - Parameter hostName: this machine's; names that somebody has given to it are as good as its
    ///   addresses.
    /// - Returns: what is set, and the server's own names.
    func browsers(hostName: String) -> BrowserPolicy {
        // The address "*" is no name, and must not allow them all; a path is none either.
        BrowserPolicy(
            allowedOrigins: allowedOrigins,
            allowedHosts: allowedHosts
                + [http.host, hostName].filter {
                    $0 != "*" && ListeningHost($0).socketPath == nil
                })
    }

    /// Keys as operators write them.
    static func readKeys(_ texts: [String]) throws(SettingRejection) -> [String] {
        do throws(APIKeyError) {
            return try APIKeys.parse(texts)
        } catch {
            throw SettingRejection(
                expected:
                    "keys separated by commas, none of them empty; leave the setting away for none",
                found: "\(error)")
        }
    }
}
