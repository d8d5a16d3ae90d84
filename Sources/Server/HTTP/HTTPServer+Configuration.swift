// SPDX-License-Identifier: Apache-2.0

extension HTTPServer {
    /// How long the server waits for a client.
    package struct Timeouts: Sendable, Equatable {
        /// From the first byte of a request to the end of its header.
        package var header: Duration
        /// For the body, and for each stall of it; see ``BodyClock``.
        package var body: Duration
        /// The rate at which a body may take as long as it needs.
        package var minBodyBytesPerSecond: Int
        /// Without any byte of a first or further request.
        package var idle: Duration
        /// Without the client taking any byte of a response.
        package var write: Duration
        /// For the client to close its side of a connection that we have closed.
        package var linger: Duration

        /// Timeouts for clients anywhere, none of whom can hold a connection for free.
        package init(
            header: Duration = .seconds(10), body: Duration = .seconds(60),
            minBodyBytesPerSecond: Int = 4_096, idle: Duration = .seconds(75),
            write: Duration = .seconds(30), linger: Duration = .seconds(2)
        ) {
            self.header = header
            self.body = body
            self.minBodyBytesPerSecond = minBodyBytesPerSecond
            self.idle = idle
            self.write = write
            self.linger = linger
        }
    }

    /// Where the server listens and what it takes.
    package struct Configuration: Sendable {
        /// A name or numeric address; `*` is every address, IPv6 and IPv4.
        package var host: String
        /// The port, 0 to let the kernel choose.
        package var port: Int
        /// How large a request may be.
        package var limits: RequestParser.Limits
        /// How long a client may take.
        package var timeouts: Timeouts
        /// Connections served at once; beyond them idle ones give way, or new ones are told 503.
        package var maxConnections: Int
        /// What all bodies being received or not yet read by their handlers may take together; nil
        /// for as much as 16 of the largest bodies take.
        package var maxBodyMemoryBytes: Int?
        /// The `Server` field, without a version; nil for none.
        package let serverName: String?

        /// A configuration, yet to be ``validated()``.
        package init(
            host: String = "127.0.0.1", port: Int = 8_080, limits: RequestParser.Limits = .init(),
            timeouts: Timeouts = .init(), maxConnections: Int = 1_024,
            maxBodyMemoryBytes: Int? = nil, serverName: String? = "cierzo"
        ) {
            self.host = host
            self.port = port
            self.limits = limits
            self.timeouts = timeouts
            self.maxConnections = maxConnections
            self.maxBodyMemoryBytes = maxBodyMemoryBytes
            self.serverName = serverName
        }

        /// What all bodies may take together, in bytes.
        package var bodyMemoryByteCount: Int {
            let (sixteen, overflows) = limits.maxBodyBytes.multipliedReportingOverflow(by: 16)
            return maxBodyMemoryBytes ?? (overflows ? .max : sixteen)
        }

        /// This configuration, if it makes sense.
        ///
        /// - Throws: ``HTTPServerError/invalid(key:reason:)``.
        package func validated() throws(HTTPServerError) -> Configuration {
            guard (0...65_535).contains(port) else {
                throw .invalid(key: "port", reason: "\(port) is not within 0...65535")
            }
            let counts = [
                ("maxConnections", maxConnections),
                ("maxRequestLineBytes", limits.maxRequestLineBytes),
                ("maxHeaderBytes", limits.maxHeaderBytes),
                ("maxHeaderCount", limits.maxHeaderCount),
                ("minBodyBytesPerSecond", timeouts.minBodyBytesPerSecond),
            ]
            for (key, value) in counts where !(1...(1 << 30)).contains(value) {
                throw .invalid(key: key, reason: "\(value) is not within 1...2^30")
            }
            guard (0...(1 << 40)).contains(limits.maxBodyBytes) else {
                throw .invalid(
                    key: "maxBodyBytes", reason: "\(limits.maxBodyBytes) is not within 0...2^40")
            }
            guard bodyMemoryByteCount >= limits.maxBodyBytes else {
                throw .invalid(
                    key: "maxBodyMemoryBytes",
                    reason: "\(bodyMemoryByteCount) does not hold one body of the largest size, "
                        + "\(limits.maxBodyBytes)")
            }
            let durations = [
                ("header", timeouts.header), ("body", timeouts.body), ("idle", timeouts.idle),
                ("write", timeouts.write), ("linger", timeouts.linger),
            ]
            for (key, value) in durations
            where value <= .zero || value > .seconds(31_536_000) {
                throw .invalid(key: "\(key) timeout", reason: "\(value) is not up to a year")
            }
            return self
        }
    }
}
