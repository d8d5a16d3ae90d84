// SPDX-License-Identifier: Apache-2.0

import Metrics
import Telemetry
import Testing

@Suite struct MetricsRegistryTests {
    @Test func `a process tells its memory, files and time`() throws {
        var text = PrometheusText()
        text.appendProcess()
        for name in ["process_resident_memory_bytes", "process_open_fds"] {
            let line = try #require(text.text.split(separator: "\n").first { $0.hasPrefix(name) })
            #expect(Double(line.dropFirst(name.count + 1)) ?? 0 > 0)
        }
        #expect(text.text.contains("# TYPE process_cpu_seconds_total counter\n"))
        var other = PrometheusText()
        other.appendProcess(root: "/nowhere")
        #expect(!other.text.contains("resident"))
    }

    private func text(_ registry: MetricsRegistry) -> String {
        var text = PrometheusText()
        text.append(registry)
        return text.text
    }

    @Test func `a counter adds up and never falls`() {
        let registry = MetricsRegistry()
        let counter = Counter(
            label: "requests", dimensions: [("b", "2"), ("a", "1")], factory: registry)
        counter.increment(by: 2)
        counter.increment(by: -5)
        Counter(label: "requests", dimensions: [("a", "1"), ("b", "2")], factory: registry)
            .increment()
        #expect(text(registry) == "# TYPE requests counter\nrequests{a=\"1\",b=\"2\"} 3\n")
    }

    @Test func `gauges rise and fall`() {
        let registry = MetricsRegistry()
        let meter = Meter(label: "in.flight", factory: registry)
        meter.increment()
        meter.increment()
        meter.decrement()
        Gauge(label: "load", factory: registry).record(1.5)
        #expect(
            text(registry)
                == "# TYPE in_flight gauge\nin_flight 1\n# TYPE load gauge\nload 1.5\n")
    }

    @Test func `a timer is a cumulative histogram in seconds`() {
        let registry = MetricsRegistry(
            configuration: .init(bounds: ["wait_seconds": [0.1, 1]]))
        let timer = Timer(label: "wait", factory: registry)
        timer.recordMilliseconds(50)
        timer.recordMilliseconds(500)
        timer.recordSeconds(2)
        #expect(
            text(registry) == """
                # TYPE wait_seconds histogram
                wait_seconds_bucket{le="0.1"} 1
                wait_seconds_bucket{le="1"} 2
                wait_seconds_bucket{le="+Inf"} 3
                wait_seconds_sum 2.55
                wait_seconds_count 3

                """)
    }

    @Test func `single values are kept while somebody takes them, and no longer`() {
        let registry = MetricsRegistry()
        func timer(_ model: String) -> Metrics.Timer {
            Metrics.Timer(label: "gap", dimensions: [("model", model)], factory: registry)
        }
        func take() -> [String: [Double]] { registry.takeValues(of: "gap_seconds", by: "model") }
        timer("a").recordSeconds(1)
        #expect(take().isEmpty)
        timer("a").recordSeconds(2)
        timer("a").recordSeconds(3)
        #expect(take() == ["a": [2, 3]])
        #expect(take().isEmpty)
        registry.forgetValues(of: "gap_seconds")
        timer("a").recordSeconds(4)
        #expect(take().isEmpty)
        for _ in 0..<10_000 { timer("a").recordSeconds(5) }
        #expect(take()["a"]?.count == 4096)
        #expect(registry.takeValues(of: "nothing", by: "model").isEmpty)
        #expect(text(registry).contains("gap_seconds_count{model=\"a\"} 10004\n"))
    }

    @Test func `a recorder counts by size`() {
        let registry = MetricsRegistry(configuration: .init(bounds: ["sizes": [8]]))
        let recorder = Recorder(label: "sizes", factory: registry)
        recorder.record(8)
        recorder.record(9)
        recorder.record(Double.nan)
        #expect(text(registry).contains("sizes_bucket{le=\"8\"} 1\nsizes_bucket{le=\"+Inf\"} 2\n"))
    }

    @Test func `series beyond the limit are counted together`() {
        let registry = MetricsRegistry(configuration: .init(maxSeriesPerName: 2))
        for index in 0..<10 {
            Counter(label: "c", dimensions: [("key", "\(index)")], factory: registry).increment()
        }
        #expect(
            text(registry)
                == "# TYPE c counter\nc{key=\"0\"} 1\nc{key=\"1\"} 1\nc{key=\"other\"} 8\n")
    }

    @Test func `names beyond the limit and names of another kind are dropped`() {
        let registry = MetricsRegistry(configuration: .init(maxNames: 1))
        Counter(label: "a", factory: registry).increment()
        Counter(label: "b", factory: registry).increment()
        Meter(label: "a", factory: registry).set(5)
        #expect(text(registry) == "# TYPE a counter\na 1\n")
    }

    @Test func `names and label values become what Prometheus allows`() {
        let registry = MetricsRegistry()
        Counter(label: "1 ä", dimensions: [("x-y", "a\"b\\c\nd")], factory: registry).increment()
        #expect(
            text(registry)
                == "# TYPE _1__ counter\n_1__{x_y=\"a\\\"b\\\\c\\nd\"} 1\n")
    }

    @Test func `what means the same as in vLLM has its name where that is asked for`() {
        let registry = MetricsRegistry()
        Counter(label: "cierzo_prompt_tokens_total", factory: registry).increment()
        Counter(label: "cierzo_requests_total", factory: registry).increment()
        var text = PrometheusText(names: .vllm)
        text.append(registry)
        text.append("cierzo_num_requests_running", 2, help: "Running.")
        #expect(text.text.contains("\n# TYPE vllm:prompt_tokens_total counter\n"))
        #expect(text.text.contains("\nvllm:prompt_tokens_total 1\n"))
        #expect(text.text.contains("\ncierzo_requests_total 1\n"))
        #expect(text.text.hasSuffix("\nvllm:num_requests_running 2\n"))
    }

    @Test func `values with labels stand below one help, and no values without one`() {
        var text = PrometheusText()
        text.append("none", [], help: "Nothing.")
        text.append(
            "some", [(labels: [("b", "1"), ("a", "x\"")], value: 1), (labels: [], value: 2)],
            help: "Something.")
        #expect(
            text.text == """
                # HELP some Something.
                # TYPE some gauge
                some{a="x\\"",b="1"} 1
                some 2

                """)
    }

    @Test func `a value read at the moment has its help`() {
        var text = PrometheusText()
        text.append("up", 1, help: "Whether it is up.")
        text.append("steps_total", 3, isCounter: true, help: "Steps.")
        #expect(
            text.text == """
                # HELP up Whether it is up.
                # TYPE up gauge
                up 1
                # HELP steps_total Steps.
                # TYPE steps_total counter
                steps_total 3

                """)
    }
}

@Suite struct RequestMetricsTests {
    @Test(arguments: [
        "step_duration", "step_phase_duration", "inter_token_latency", "e2e_request_latency",
        "request_time_per_output_token", "request_queue_time", "time_to_first_token",
    ])
    func `the engine's times have a help`(name: String) {
        let registry = MetricsRegistry()
        Metrics.Timer(label: "cierzo_" + name, factory: registry).recordSeconds(1)
        var text = PrometheusText()
        text.append(registry)
        #expect(text.text.hasPrefix("# HELP cierzo_\(name)_seconds "))
    }

    @Test(arguments: [
        "step_tokens", "step_sequences", "request_prompt_tokens", "request_generation_tokens",
    ])
    func `the engine's sizes have a help`(name: String) {
        let registry = MetricsRegistry()
        Recorder(label: "cierzo_" + name, factory: registry).record(1)
        var text = PrometheusText()
        text.append(registry)
        #expect(text.text.hasPrefix("# HELP cierzo_\(name) "))
    }

    @Test func `a request is counted by route and status`() {
        let registry = MetricsRegistry()
        let metrics = RequestMetrics(registry: registry)
        metrics.begin()
        metrics.end(route: "/v1/models", status: 200, duration: .milliseconds(3))
        metrics.consumed(
            model: "m", promptTokens: 5, completionTokens: 2, cachedTokens: 1, queueDuration: .zero,
            firstTokenDuration: .milliseconds(20))
        metrics.refused(.overloaded)
        metrics.abandoned()
        var text = PrometheusText()
        text.append(registry)
        for line in [
            "cierzo_http_requests_total{route=\"/v1/models\",status=\"200\"} 1",
            "cierzo_http_requests_in_flight 0",
            "cierzo_prompt_tokens_total{model_name=\"m\"} 5",
            "cierzo_completion_tokens_total{model_name=\"m\"} 2",
            "cierzo_cached_prompt_tokens_total{model_name=\"m\"} 1",
            "cierzo_request_prompt_tokens_sum{model_name=\"m\"} 5",
            "cierzo_request_queue_time_seconds_count{model_name=\"m\"} 1",
            "cierzo_requests_refused_total{reason=\"overloaded\"} 1",
            "cierzo_requests_refused_total{reason=\"too_late\"} 0",
            "cierzo_requests_abandoned_total 1",
            "cierzo_time_to_first_token_seconds_count{model_name=\"m\"} 1",
            "cierzo_http_request_duration_seconds_count{route=\"/v1/models\"} 1",
        ] {
            #expect(text.text.contains(line + "\n"))
        }
    }
}
