// SPDX-License-Identifier: Apache-2.0

import Glibc
package import Logging

/// Writes each event of a log as one line, in the form of swift-log's own handler.
package struct LineLogHandler: LogHandler {
    package var logLevel = Logger.Level.info
    package var metadata = Logger.Metadata()
    package var metadataProvider: Logger.MetadataProvider?

    private let label: String
    private let writer: DiagnosticWriter

    /// A handler of one logger.
    ///
    /// - Parameters:
    ///   - label: the logger's name.
    ///   - writer: where lines go.
    package init(label: String, writer: DiagnosticWriter = .standardError) {
        self.label = label
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
        let pairs = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        let line =
            "\(Self.timestamp()) \(event.level) \(label):\(pairs) [\(event.source)] \(event.message)"
        writer.write(Self.oneLine(line) + "\n")
    }

    /// A line with what would break it replaced: values may come from clients.
    private static func oneLine(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return text }
        var line = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            line.append(scalar.value < 0x20 || scalar.value == 0x7F ? " " : scalar)
        }
        return String(line)
    }

    /// The local time, to the second.
    private static func timestamp() -> String {
        var now = time(nil)
        var parts = unsafe tm()
        unsafe localtime_r(&now, &parts)
        let text = unsafe [CChar](unsafeUninitializedCapacity: 64) { buffer, count in
            guard let start = buffer.baseAddress else { return }
            count = unsafe strftime(start, buffer.count, "%Y-%m-%dT%H:%M:%S%z", &parts)
        }
        return String(decoding: text.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
