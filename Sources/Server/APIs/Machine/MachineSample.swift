// SPDX-License-Identifier: Apache-2.0

import Generation
package import JSON
import Serving

/// What a server has done between two readings.
package struct MachineSample: Sendable {
    /// The most requests that are listed.
    static let mostRequests = 100

    /// The most keys that are listed.
    private static let mostKeys = 50

    let before: MachineReading?
    let now: MachineReading
    let unixTime: Int

    /// Seconds until the first token of each answer that ended in between, by model.
    package var firstTokens: [String: [Double]] = [:]
    /// Seconds between the steps that gave an answer tokens, by model.
    package var tokenIntervals: [String: [Double]] = [:]
    /// What each key has got in between; empty is the name of requests without one.
    package var tokens: [String: RequestRoster.Tokens] = [:]
    /// What is under way now.
    var requests: (first: [RequestRoster.Glance], count: Int) = ([], 0)
    /// Bytes per second that this machine's memory can give; nil where nobody has measured it.
    package var memoryBandwidth: Double?

    /// What happened between two readings.
    ///
    /// - Parameters:
    ///   - before: the first of them; nil where there is only one.
    ///   - now: the second.
    ///   - unixTime: when that was, in seconds since 1970.
    package init(before: MachineReading?, now: MachineReading, unixTime: Int) {
        self.before = before
        self.now = now
        self.unixTime = unixTime
    }

    /// Time between the readings; 0 for the first.
    private var seconds: Double {
        before.map { $0.instant.duration(to: now.instant) / .seconds(1) } ?? 0
    }

    /// The data of an event.
    package var json: JSONValue {
        [
            "object": "machine.sample", "time": .integer(unixTime),
            "seconds": .number(Self.rounded(seconds)),
            "memory_bytes_per_second": Self.number(memoryBandwidth),
            "models": .array(now.models.map(json)),
            "keys": .array(
                tokens.sorted {
                    ($1.value.prompt + $1.value.generated, $0.key)
                        < ($0.value.prompt + $0.value.generated, $1.key)
                }.prefix(Self.mostKeys).map { name, tokens in
                    [
                        "key": name.isEmpty ? .null : .string(name),
                        "prompt_tokens": .integer(tokens.prompt),
                        "generated_tokens": .integer(tokens.generated),
                    ]
                }),
            "request_count": .integer(requests.count),
            "requests": .array(
                requests.first.map { request in
                    [
                        "id": .string(request.id), "route": .string(request.route),
                        "model": .string(request.model),
                        "key": request.key.map { .string($0) } ?? .null,
                        "seconds": .number(Self.rounded(request.elapsed / .seconds(1))),
                        "prompt_tokens": .integer(request.promptTokens),
                        "answered_tokens": .integer(request.answeredTokens),
                    ]
                }),
        ]
    }

    private func json(_ model: MachineReading.Model) -> JSONValue {
        var object: JSONObject = [
            "model": .string(model.name), "status": .string(model.status),
        ]
        if let progress = model.progress, model.statistics == nil {
            object["stage"] = .string(progress.stage)
            object["progress"] = .number(Self.rounded(progress.share))
        }
        guard let statistics = model.statistics else { return .object(object) }
        object["running"] = .integer(statistics.runningSequences)
        object["waiting"] = .integer(statistics.waitingSequences)
        object["kv_blocks"] = [
            "used": .integer(statistics.usedBlocks),
            "cached": .integer(statistics.cachedBlocks),
            "free": .integer(max(0, statistics.freeBlocks - statistics.cachedBlocks)),
        ]
        object["first_token_seconds"] = Self.quantiles(firstTokens[model.name])
        object["between_tokens_seconds"] = Self.quantiles(tokenIntervals[model.name])
        let old = before?.models.first { $0.name == model.name }?.statistics
        guard let old, seconds > 0 else { return .object(object) }

        func difference(_ counter: (EngineStatistics) -> UInt64) -> Double {
            // A model that was loaded anew counts from zero.
            let (now, before) = (counter(statistics), counter(old))
            return Double(now >= before ? now - before : now)
        }
        func rate(_ counter: (EngineStatistics) -> UInt64) -> JSONValue {
            .number(Self.rounded(difference(counter) / seconds))
        }
        func count(_ counter: (EngineStatistics) -> UInt64) -> JSONValue {
            .integer(Int(difference(counter)))
        }
        object["prompt_tokens_per_second"] = rate { $0.prefillTokens }
        object["generated_tokens_per_second"] = rate { $0.generatedTokens }
        object["steps_per_second"] = rate { $0.steps }
        object["prefix_cache"] = [
            "hit_tokens": count { $0.cacheHitTokens },
            "missed_tokens": count { $0.cacheMissTokens },
            "evicted_blocks": count { $0.evictedBlocks },
        ]
        object["preemptions"] = count { $0.preemptions }
        let decoded = difference { $0.decodedTokens }
        let read = difference { $0.decodingReadBytes }
        let time = (statistics.decodingDuration - old.decodingDuration) / .seconds(1)
        object["read_bytes_per_token"] = decoded > 0 ? .integer(Int(read / decoded)) : .null
        object["read_bytes_per_second"] = time > 0 ? .integer(Int(read / time)) : .null
        return .object(object)
    }

    /// The nearest ranks of what was measured; null where nothing was.
    private static func quantiles(_ values: [Double]?) -> JSONValue {
        guard let values = values?.sorted(), let most = values.last else { return .null }
        func value(_ percent: Int) -> JSONValue {
            let rank = (percent * values.count + 99) / 100
            return .number(rounded(values[max(0, rank - 1)]))
        }
        return [
            "count": .integer(values.count), "p50": value(50), "p90": value(90),
            "p99": value(99), "max": .number(rounded(most)),
        ]
    }

    private static func number(_ value: Double?) -> JSONValue {
        value.map { .integer(Int($0)) } ?? .null
    }

    /// To tens of microseconds, or a hundred-thousandth of whatever it counts.
    private static func rounded(_ value: Double) -> Double { (value * 1e5).rounded() / 1e5 }
}
