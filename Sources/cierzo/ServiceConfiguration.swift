// SPDX-License-Identifier: Apache-2.0

package import APIs
import Console
package import HTTP
import Logging
import Serving

/// All that settings decide about a server, with their defaults: those of the rooms below are their
/// own, and what only the program knows stands here.
package struct ServiceConfiguration: Sendable {
    /// What to serve; required.
    var model: String?
    var acceptsStale = false
    var verifiesWeights = false
    var servedName: String?

    var apiKeys: [String] = []
    /// One for each key, or none.
    var keyWeights: [Int] = []
    /// Whether everybody may ask who can reach the address.
    var isInsecure = false
    var allowedOrigins: [String] = []
    var allowedHosts: [String] = []

    var engine = EngineAssembly()
    /// What the API does.
    package var api = APIServer.Configuration(version: Build.version)
    /// Where and how requests come in.
    package var http = HTTPServer.Configuration()

    /// What running requests have to finish in when the server is asked to stop.
    var shutdownGrace = Duration.seconds(30)
    var logLevel = Logger.Level.info

    /// The defaults.
    package init() {}

    /// The model to serve, once all settings agree with each other.
    ///
    /// - Throws: ``SettingsError`` that names the setting.
    package func validatedModel() throws(SettingsError) -> String {
        func reject(_ key: String, _ expected: String, _ found: String) -> SettingsError {
            .invalid(key: key, source: "configuration", expected: expected, found: found)
        }
        guard let model else {
            throw SettingsError.missing(
                key: "model", hint: "give --model FILE, or model: in the configuration file")
        }
        guard ListeningHost(http.host).isLoopback || !apiKeys.isEmpty || isInsecure else {
            throw reject("host", "a loopback address, or api-keys, or insecure: true", http.host)
        }
        guard keyWeights.isEmpty || keyWeights.count == apiKeys.count else {
            throw reject(
                "key-weights", "as many weights as there are api-keys", "\(keyWeights.count)")
        }
        guard http.bodyMemoryByteCount >= http.limits.maxBodyBytes else {
            throw reject(
                "max-body-memory", "room for one body of max-body-bytes",
                byteText(http.bodyMemoryByteCount))
        }
        return model
    }

    /// The keys that open the server, and what each gets of it.
    var keys: APIKeys { APIKeys(apiKeys, weights: keyWeights) }

    /// What web pages may do.
    ///
    /// - Parameter hostName: this machine's; names that somebody has given to it are as good as its
    ///   addresses.
    /// - Returns: what is set, and the server's own names.
    func browsers(hostName: String) -> BrowserPolicy {
        // The address "*" is no name, and must not allow them all.
        BrowserPolicy(
            allowedOrigins: allowedOrigins,
            allowedHosts: allowedHosts + [http.host, hostName].filter { $0 != "*" })
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
