// SPDX-License-Identifier: Apache-2.0

import Glibc
package import Logging

/// Writes each event of a log as one line, for people in the form of swift-log's own handler.
package struct LineLogHandler: LogHandler {
    package var logLevel = Logger.Level.info
    package var metadata = Logger.Metadata()
    package var metadataProvider: Logger.MetadataProvider?

    private let label: String
    private let format: LogFormat
    private let reader: LogReader
    private let writer: DiagnosticWriter

    /// A handler of one logger.
    ///
    /// - Parameters:
    ///   - label: the logger's name.
    ///   - format: how lines are written.
    ///   - reader: who reads them.
    ///   - writer: where lines go.
    package init(
        label: String, format: LogFormat = .text, for reader: LogReader = LogReader(),
        writer: DiagnosticWriter = .standardError
    ) {
        self.label = label
        self.format = format
        self.reader = reader
        self.writer = writer
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let own = event.metadata { all.merge(own) { $1 } }
        if let error = event.error { all["error.message"] = "\(error)" }
        var now = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &now)
        let line = LogLine(
            time: now, level: event.level, logger: label, source: event.source,
            message: "\(event.message)", metadata: all)
        writer.write(line.text(as: format, for: reader))
    }
}
