// SPDX-License-Identifier: Apache-2.0

package import Metrics
import Synchronization

/// Collects the metrics of the process and writes them as Prometheus text.
///
/// Install it once with `MetricsSystem.bootstrap`. A name keeps the kind that it was first used
/// with. The number of series is bounded: those of a name beyond the limit are counted together,
/// with the value `other` for each label.
package final class MetricsRegistry: MetricsFactory, Sendable {
    /// The limits of a registry.
    package struct Configuration: Sendable {
        /// The most series of one name.
        package let maxSeriesPerName: Int

        /// The most names; metrics with further names are dropped.
        package let maxNames: Int

        /// Bucket bounds by metric name, for those that the defaults do not fit.
        package let bounds: [String: [Double]]

        /// Creates limits.
        package init(
            maxSeriesPerName: Int = 256, maxNames: Int = 512, bounds: [String: [Double]] = [:]
        ) {
            self.maxSeriesPerName = maxSeriesPerName
            self.maxNames = maxNames
            self.bounds = bounds
        }
    }

    enum Kind: String {
        case counter
        case gauge
        case histogram
    }

    enum Series {
        case counter(CounterSeries)
        case gauge(GaugeSeries)
        case histogram(HistogramSeries)
    }

    struct Family {
        let kind: Kind
        var series: [SeriesLabels: Series] = [:]
    }

    private let configuration: Configuration
    private let families = Mutex<[String: Family]>([:])

    /// Creates an empty registry.
    package init(configuration: Configuration = .init()) {
        self.configuration = configuration
    }

    package func makeCounter(
        label: String, dimensions: [(String, String)]
    ) -> any CounterHandler { counter(label, dimensions) }

    package func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler { counter(label, dimensions) }

    package func makeMeter(
        label: String, dimensions: [(String, String)]
    ) -> any MeterHandler { gauge(label, dimensions) }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        aggregate
            ? histogram(label, dimensions, defaultBounds: HistogramSeries.sizeBounds)
            : gauge(label, dimensions)
    }

    package func makeTimer(
        label: String, dimensions: [(String, String)]
    ) -> any TimerHandler {
        let name = label.hasSuffix("_seconds") ? label : label + "_seconds"
        return histogram(name, dimensions, defaultBounds: HistogramSeries.durationBounds)
    }

    // swift-metrics destroys handlers when their owners go; a series stays, as Prometheus expects.
    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    private func counter(_ label: String, _ dimensions: [(String, String)]) -> CounterSeries {
        let series = series(label, dimensions, .counter) { .counter(CounterSeries()) }
        if case .counter(let counter)? = series { return counter }
        return CounterSeries()
    }

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeSeries {
        let series = series(label, dimensions, .gauge) { .gauge(GaugeSeries()) }
        if case .gauge(let gauge)? = series { return gauge }
        return GaugeSeries()
    }

    private func histogram(
        _ label: String, _ dimensions: [(String, String)], defaultBounds: [Double]
    ) -> HistogramSeries {
        let bounds = configuration.bounds[MetricName.metric(label)] ?? defaultBounds
        let series = series(label, dimensions, .histogram) {
            .histogram(HistogramSeries(bounds: bounds))
        }
        if case .histogram(let histogram)? = series { return histogram }
        return HistogramSeries(bounds: bounds)
    }

    /// The series, made if it is new; nil where the name has another kind or is one too many.
    private func series(
        _ label: String, _ dimensions: [(String, String)], _ kind: Kind, make: () -> Series
    ) -> Series? {
        let name = MetricName.metric(label)
        let labels = SeriesLabels(dimensions)
        return families.withLock { families in
            if families[name] == nil {
                guard families.count < configuration.maxNames else { return nil }
                families[name] = Family(kind: kind)
            }
            guard var family = families[name], family.kind == kind else { return nil }
            if let series = family.series[labels] { return series }
            let isFull = family.series.count >= configuration.maxSeriesPerName
            let key = isFull ? labels.overflow : labels
            if let series = family.series[key] { return series }
            let series = make()
            family.series[key] = series
            families[name] = family
            return series
        }
    }

    // MARK: Single values

    /// What a distribution has recorded since this was last called, each value of it; the first call
    /// only begins to keep them.
    ///
    /// - Parameters:
    ///   - name: the name that is exposed.
    ///   - label: the label that tells its series apart.
    /// - Returns: the values of each series that has any, by its label; a few thousand at most.
    package func takeValues(of name: String, by label: String) -> [String: [Double]] {
        var values: [String: [Double]] = [:]
        for (labels, histogram) in histograms(of: name) {
            let own = labels.pairs.first { $0.name == label }?.value ?? ""
            let taken = histogram.takeValues()
            if !taken.isEmpty { values[own, default: []] += taken }
        }
        return values
    }

    /// Keeps no more values of a distribution.
    package func forgetValues(of name: String) {
        for (_, histogram) in histograms(of: name) { histogram.forgetValues() }
    }

    private func histograms(of name: String) -> [(SeriesLabels, HistogramSeries)] {
        families.withLock { families in
            (families[name]?.series ?? [:]).compactMap { labels, series in
                if case .histogram(let histogram) = series { (labels, histogram) } else { nil }
            }
        }
    }

    /// What there is now, by name.
    var snapshot: [(name: String, family: Family)] {
        families.withLock { $0.map { (name: $0.key, family: $0.value) } }
            .sorted { $0.name < $1.name }
    }
}
