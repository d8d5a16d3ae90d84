// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Writes metrics in Prometheus's text exposition format, version 0.0.4.
package struct PrometheusText {
    /// The media type of the text.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// What has been written.
    package private(set) var text = ""

    private let names: MetricNames

    /// An empty text.
    ///
    /// - Parameter names: what metrics are called.
    package init(names: MetricNames = .cierzo) { self.names = names }

    /// Writes all metrics of a registry, sorted by name and labels.
    package mutating func append(_ registry: MetricsRegistry) {
        for (name, family) in registry.snapshot {
            let help = MetricHelp.texts[name]
            let name = names.exposed(name)
            if let help { text += "# HELP \(name) \(help)\n" }
            text += "# TYPE \(name) \(family.kind.rawValue)\n"
            let series = family.series
                .map { (labels: $0.key, text: $0.key.text(), series: $0.value) }
                .sorted { $0.text < $1.text }
            for entry in series { append(name, entry.labels, entry.series) }
        }
    }

    /// Writes one value that is read at the moment of asking.
    ///
    /// - Parameters:
    ///   - name: the metric's name.
    ///   - value: its value.
    ///   - isCounter: whether it only grows.
    ///   - help: one line about it.
    package mutating func append(
        _ name: String, _ value: Double, isCounter: Bool = false, help: String
    ) {
        append(name, [(labels: [], value: value)], isCounter: isCounter, help: help)
    }

    /// Writes values that are read at the moment of asking; nothing where there are none.
    ///
    /// - Parameters:
    ///   - name: the metric's name.
    ///   - values: each with its labels, no two of which are the same.
    ///   - isCounter: whether they only grow.
    ///   - help: one line about the metric.
    package mutating func append(
        _ name: String, _ values: [(labels: [(String, String)], value: Double)],
        isCounter: Bool = false, help: String
    ) {
        if values.isEmpty { return }
        let name = names.exposed(MetricName.metric(name))
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(isCounter ? "counter" : "gauge")\n"
        for (labels, number) in values {
            line(name, SeriesLabels(labels).text(), Self.number(number))
        }
    }

    /// Writes what every Prometheus client tells of its process, under the usual names.
    ///
    /// - Parameter root: where `proc` is, for tests; what cannot be read there is left out.
    package mutating func appendProcess(root: String = "") {
        let folder = root + "/proc/self/"
        // Pages: all, resident, shared, …
        let pages = (try? String(contentsOfFile: folder + "statm", encoding: .utf8))?
            .split(separator: " ").compactMap { Int($0) }
        if let pages, pages.count > 1 {
            append(
                "process_resident_memory_bytes", Double(pages[1] * sysconf(Int32(_SC_PAGESIZE))),
                help: "Resident memory, mapped weights included.")
        }
        if let files = try? FileManager.default.contentsOfDirectory(atPath: folder + "fd") {
            append("process_open_fds", Double(files.count), help: "Open file descriptors.")
        }
        var usage = rusage()
        guard unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return }
        func seconds(_ time: timeval) -> Double {
            Double(time.tv_sec) + Double(time.tv_usec) / 1e6
        }
        append(
            "process_cpu_seconds_total", seconds(usage.ru_utime) + seconds(usage.ru_stime),
            isCounter: true, help: "Processor time of all threads.")
    }

    private mutating func append(
        _ name: String, _ labels: SeriesLabels, _ series: MetricsRegistry.Series
    ) {
        switch series {
        case .counter(let counter): line(name, labels.text(), Self.number(counter.value))
        case .gauge(let gauge): line(name, labels.text(), Self.number(gauge.value))
        case .histogram(let histogram): append(name, labels, histogram)
        }
    }

    private mutating func append(
        _ name: String, _ labels: SeriesLabels, _ histogram: HistogramSeries
    ) {
        let snapshot = histogram.snapshot
        var cumulative: UInt64 = 0
        for (bound, count) in zip(histogram.bounds, snapshot.counts) {
            cumulative += count
            let labels = labels.text(adding: (name: "le", value: Self.number(bound)))
            line(name + "_bucket", labels, String(cumulative))
        }
        let infinity = labels.text(adding: (name: "le", value: "+Inf"))
        line(name + "_bucket", infinity, String(snapshot.count))
        line(name + "_sum", labels.text(), Self.number(snapshot.sum))
        line(name + "_count", labels.text(), String(snapshot.count))
    }

    private mutating func line(_ name: String, _ labels: String, _ value: String) {
        text += name + labels + " " + value + "\n"
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return Int(exactly: value).map(String.init) ?? String(value)
    }
}
