// SPDX-License-Identifier: Apache-2.0

import APIs
import Generation
import JSON
import Serving
import Testing

@Suite struct MachineSampleTests {
    private static let start = ContinuousClock.now

    private static func reading(
        after seconds: Int, _ set: (inout EngineStatistics) -> Void = { _ in }
    ) -> MachineReading {
        var statistics = EngineStatistics()
        set(&statistics)
        return MachineReading(
            [MachineReading.Model("m", statistics: statistics)], at: start + .seconds(seconds))
    }

    @Test func `levels are of now, and blocks are told once each`() {
        let now = Self.reading(after: 0) {
            $0.runningSequences = 3
            $0.waitingSequences = 4
            $0.usedBlocks = 25
            $0.freeBlocks = 75
            $0.cachedBlocks = 15
        }
        let json = MachineSample(before: nil, now: now, unixTime: 7).json
        #expect(json["time"] == 7)
        #expect(json["seconds"] == 0.0)
        #expect(
            json["models"] == [
                [
                    "model": "m", "status": "loaded", "running": 3, "waiting": 4,
                    "kv_blocks": ["used": 25, "cached": 15, "free": 60],
                    "first_token_seconds": nil, "between_tokens_seconds": nil,
                ]
            ])
    }

    @Test func `rates are of what happened in between`() throws {
        let before = Self.reading(after: 0) {
            $0.generatedTokens = 100
            $0.prefillTokens = 1000
            $0.steps = 10
            $0.cacheHitTokens = 5
            $0.decodedTokens = 90
            $0.decodingReadBytes = 1_000
            $0.decodingDuration = .seconds(4)
        }
        let now = Self.reading(after: 2) {
            $0.generatedTokens = 150
            $0.prefillTokens = 1500
            $0.steps = 13
            $0.cacheHitTokens = 35
            $0.cacheMissTokens = 7
            $0.evictedBlocks = 2
            $0.preemptions = 1
            $0.decodedTokens = 100
            $0.decodingReadBytes = 6_000
            $0.decodingDuration = .milliseconds(4_500)
        }
        let json = MachineSample(before: before, now: now, unixTime: 7).json
        #expect(json["seconds"] == 2.0)
        let model = try #require(json["models"]?[0])
        #expect(model["generated_tokens_per_second"] == 25.0)
        #expect(model["prompt_tokens_per_second"] == 250.0)
        #expect(model["steps_per_second"] == 1.5)
        #expect(
            model["prefix_cache"] == ["hit_tokens": 30, "missed_tokens": 7, "evicted_blocks": 2])
        #expect(model["preemptions"] == 1)
        #expect(model["read_bytes_per_token"] == 500)
        #expect(model["read_bytes_per_second"] == 10_000)
    }

    @Test func `nothing per token is told where there was none`() throws {
        let json = MachineSample(
            before: Self.reading(after: 0), now: Self.reading(after: 1), unixTime: 7
        ).json
        let model = try #require(json["models"]?[0])
        #expect(model["read_bytes_per_token"] == .null)
        #expect(model["read_bytes_per_second"] == .null)
        #expect(model["generated_tokens_per_second"] == 0.0)
    }

    @Test func `a model that was loaded anew counts from zero`() throws {
        let json = MachineSample(
            before: Self.reading(after: 0) { $0.generatedTokens = 1000 },
            now: Self.reading(after: 1) { $0.generatedTokens = 5 }, unixTime: 7
        ).json
        #expect(json["models"]?[0]?["generated_tokens_per_second"] == 5.0)
    }

    @Test func `times are told by their nearest ranks`() throws {
        var sample = MachineSample(before: nil, now: Self.reading(after: 0), unixTime: 7)
        sample.tokenIntervals["m"] = (1...100).reversed().map { Double($0) / 1000 }
        sample.firstTokens["m"] = [0.25]
        sample.firstTokens["other"] = [1]
        let model = try #require(sample.json["models"]?[0])
        #expect(
            model["between_tokens_seconds"] == [
                "count": 100, "p50": 0.05, "p90": 0.09, "p99": 0.099, "max": 0.1,
            ])
        #expect(
            model["first_token_seconds"] == [
                "count": 1, "p50": 0.25, "p90": 0.25, "p99": 0.25, "max": 0.25,
            ])
    }

    @Test func `who got most comes first, and requests without a key have no name`() {
        var sample = MachineSample(before: nil, now: Self.reading(after: 0), unixTime: 7)
        sample.tokens = [
            "a": RequestRoster.Tokens(prompt: 1, generated: 2),
            "": RequestRoster.Tokens(prompt: 10),
            "b": RequestRoster.Tokens(prompt: 1, generated: 2),
        ]
        #expect(
            sample.json["keys"] == [
                ["key": nil, "prompt_tokens": 10, "generated_tokens": 0],
                ["key": "a", "prompt_tokens": 1, "generated_tokens": 2],
                ["key": "b", "prompt_tokens": 1, "generated_tokens": 2],
            ])
    }

    @Test func `a model on its way into memory tells how far it is`() {
        let now = MachineReading(
            [
                MachineReading.Model(
                    "m", status: "loading", progress: .init(stage: "reading", share: 0.5),
                    statistics: nil)
            ], at: Self.start)
        #expect(
            MachineSample(before: nil, now: now, unixTime: 7).json["models"] == [
                ["model": "m", "status": "loading", "stage": "reading", "progress": 0.5]
            ])
    }
}
