// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSON
import Logging

/// One event of a log, and how it is written.
struct LogLine {
    let time: timespec
    let level: Logger.Level
    let logger: String
    let source: String
    let message: String
    /// What is known of it besides.
    let metadata: Logger.Metadata

    /// The line, with its end.
    func text(as format: LogFormat, for reader: LogReader) -> String {
        let priority = reader.isJournal ? "<\(level.syslogPriority)>" : ""
        return priority + (format == .json ? json : plain(showsTime: !reader.isJournal)) + "\n"
    }

    private func plain(showsTime: Bool) -> String {
        let pairs = metadata.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        let line = "\(level) \(logger):\(pairs) [\(source)] \(message)"
        return Self.oneLine((showsTime ? Self.localTime(time) + " " : "") + line)
    }

    /// The event's own members come first, and those of its metadata follow by name; where one has
    /// the name of the former, it is written as `metadata.NAME`.
    private var json: String {
        var object = JSONObject([
            ("time", .string(Self.universalTime(time))), ("level", .string("\(level)")),
            ("logger", .string(logger)), ("source", .string(source)),
            ("message", .string(message)),
        ])
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            object[object.contains(key) ? "metadata." + key : key] = Self.json(of: value)
        }
        return object.serialized()
    }

    private static func json(of value: Logger.MetadataValue) -> JSONValue {
        switch value {
        case .string(let text): .string(text)
        case .stringConvertible(let value): .string("\(value)")
        case .array(let values): .array(values.map { json(of: $0) })
        case .dictionary(let members):
            .object(
                JSONObject(members.sorted { $0.key < $1.key }.map { ($0.key, json(of: $0.value)) }))
        }
    }

    /// A line with what would break it, or tell a terminal to do something, replaced: values may
    /// come from clients.
    private static func oneLine(_ text: String) -> String {
        // Of the control characters beyond ASCII, all begin with 0xC2.
        guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == 0xC2 }) else {
            return text
        }
        var line = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            line.append(scalar.properties.generalCategory == .control ? " " : scalar)
        }
        return String(line)
    }

    /// The local time, to the second.
    private static func localTime(_ time: timespec) -> String {
        var seconds = time.tv_sec
        var parts = unsafe tm()
        unsafe localtime_r(&seconds, &parts)
        return unsafe formatted("%Y-%m-%dT%H:%M:%S%z", &parts)
    }

    /// The time in UTC, to the millisecond (RFC 3339).
    private static func universalTime(_ time: timespec) -> String {
        var seconds = time.tv_sec
        var parts = unsafe tm()
        unsafe gmtime_r(&seconds, &parts)
        let fraction = String(1000 + time.tv_nsec / 1_000_000).dropFirst()
        return unsafe formatted("%Y-%m-%dT%H:%M:%S", &parts) + ".\(fraction)Z"
    }

    private static func formatted(_ form: String, _ parts: inout tm) -> String {
        let text = unsafe [CChar](unsafeUninitializedCapacity: 64) { buffer, count in
            guard let start = buffer.baseAddress else { return }
            count = unsafe strftime(start, buffer.count, form, &parts)
        }
        return String(decoding: text.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

extension Logger.Level {
    /// The priority of syslog, which the journal knows, from 2 (critical) to 7 (debug).
    fileprivate var syslogPriority: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
