// SPDX-License-Identifier: Apache-2.0

package import Access
package import Page

extension APIServer {
    /// Limits, keys and names.
    package struct Configuration: Sendable {
        /// The dialect of requests that tell none.
        package var defaultDialect: Dialect

        /// The keys that open the server.
        package var keys: APIKeys

        /// What web pages may do.
        package var browsers: BrowserPolicy

        /// How much a request may ask for.
        package var limits: RequestLimits

        /// The longest silence of a stream; a comment or an event breaks it.
        package var keepAliveInterval: Duration

        /// Whether answers that are not streamed begin with white space while they are computed.
        ///
        /// Clients' read timeouts do not strike then; failures break the connection off.
        package var sendsHeartbeats: Bool

        /// Whether clients with different keys may find each other's cached prompts.
        package var sharesPrefixes: Bool

        /// How many requests may run and wait; nil where nobody has said it.
        package var requestCapacity: Int?

        /// How long work may be pending without a step until `/health` says so.
        package let stallLimit: Duration

        /// The time between two events of whoever watches the machine.
        package var watchInterval = Duration.seconds(1)

        /// Looks at the machine, and measures it for some seconds if it is told to.
        package var examine: @Sendable (_ measures: Bool) throws -> MachineExamination = { _ in
            MachineExamination()
        }

        /// The file of keys that operators may change by the API; nil for none.
        package var keyFile: PrivateFile?

        /// The folder that adapters may be loaded from while the server runs; nil: they may not.
        package var adapterDirectory: String?

        /// What the page may do; nil where there is to be none.
        package var page: PagePolicy? = PagePolicy()

        /// The version of the program.
        package var version: String

        /// Creates a configuration.
        package init(
            defaultDialect: Dialect = .openAI, keys: APIKeys = .init(),
            browsers: BrowserPolicy = .init(), limits: RequestLimits = .init(),
            keepAliveInterval: Duration = .seconds(10),
            sendsHeartbeats: Bool = false, sharesPrefixes: Bool = false,
            stallLimit: Duration = .seconds(120),
            version: String = "0.1.0"
        ) {
            self.defaultDialect = defaultDialect
            self.keys = keys
            self.browsers = browsers
            self.limits = limits
            self.keepAliveInterval = keepAliveInterval
            self.sendsHeartbeats = sendsHeartbeats
            self.sharesPrefixes = sharesPrefixes
            self.stallLimit = stallLimit
            self.version = version
        }
    }
}
