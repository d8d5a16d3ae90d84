// SPDX-License-Identifier: Apache-2.0

import Foundation

/// SplitMix64: the same seed gives the same load on every machine.
struct LoadGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// From 0 to 1, neither included.
    mutating func fraction() -> Double { (Double(next() >> 11) + 0.5) / Double(1 << 53) }

    /// Exponentially distributed.
    mutating func interval(mean: Double) -> Double { -log(fraction()) * mean }

    /// Log-normally distributed, as lengths of prompts and answers are.
    mutating func length(median: Double, spread: Double, most: Int) -> Int {
        let normal = (-2 * log(fraction())).squareRoot() * cos(2 * .pi * fraction())
        return min(max(Int(median * exp(spread * normal)), 1), most)
    }
}

/// A request of the load.
struct Demand {
    /// Seconds since the start.
    var arrival: Double
    var promptCount: Int
    var outputCount: Int

    /// Whose tokens these are: requests of one conversation begin alike.
    var conversation: UInt64
    var client = 0

    /// The user who waits for the answer and then thinks, if there is one.
    var user: Int?
}

/// What arrives when.
struct Workload {
    /// Tokens that all conversations begin with.
    let systemCount: Int
    let promptMedian: Double
    let outputMedian: Double
    let contextLength: Int
    var generator: LoadGenerator

    private mutating func demand(at arrival: Double, conversation: UInt64) -> Demand {
        let prompt = generator.length(median: promptMedian, spread: 1, most: contextLength / 2)
        let output = generator.length(median: outputMedian, spread: 0.8, most: contextLength / 4)
        return Demand(
            arrival: arrival, promptCount: min(systemCount + prompt, contextLength * 3 / 4),
            outputCount: output, conversation: conversation)
    }

    /// Independent requests, so many per second on average; `burst` of them at a time.
    mutating func poisson(rate: Double, duration: Double, burst: Int, clients: Int) -> [Demand] {
        var demands: [Demand] = []
        var time = 0.0
        while time < duration {
            time += generator.interval(mean: Double(burst) / rate)
            for _ in 0..<burst {
                var next = demand(at: time, conversation: UInt64(demands.count) + 1)
                next.client = demands.count % clients
                demands.append(next)
            }
        }
        return demands
    }

    /// The first request of each user; they arrive within one pause.
    mutating func users(_ count: Int, pause: Double, clients: Int) -> [Demand] {
        (0..<count).map { user in
            var first = demand(
                at: generator.fraction() * pause, conversation: UInt64(user + 1) << 32)
            first.user = user
            first.client = user % clients
            return first
        }
    }

    /// What the user asks after the answer, in the same conversation until the context is half full.
    mutating func followUp(of demand: Demand, at time: Double, pause: Double) -> Demand {
        let arrival = time + generator.interval(mean: pause)
        var next = self.demand(at: arrival, conversation: demand.conversation)
        let history = demand.promptCount + demand.outputCount
        if history + next.promptCount < contextLength / 2 {
            next.promptCount += history - systemCount
        } else {
            next.conversation += 1
        }
        next.user = demand.user
        next.client = demand.client
        return next
    }

    /// A trace: lines of `seconds,prompt tokens,output tokens` and perhaps `,client`.
    static func trace(_ text: String) -> [Demand]? {
        var demands: [Demand] = []
        for line in text.split(whereSeparator: \.isNewline) where line.first?.isNumber == true {
            let fields = line.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
            guard fields.count >= 3, let arrival = Double(fields[0]), arrival >= 0,
                let prompt = Int(fields[1]), let output = Int(fields[2]), prompt > 0, output > 0
            else { return nil }
            var demand = Demand(
                arrival: arrival, promptCount: prompt, outputCount: output,
                conversation: UInt64(demands.count) + 1)
            if fields.count > 3 { demand.client = Int(fields[3]) ?? 0 }
            demands.append(demand)
        }
        return demands.sorted { $0.arrival < $1.arrival }
    }

    /// The token at a position of a conversation.
    func token(_ position: Int, of conversation: UInt64) -> Int32 {
        var generator = LoadGenerator(
            state: UInt64(position) &* 0x1_0000_0001
                ^ (position < systemCount ? 0 : conversation &* 0x9E37_79B9))
        return Int32(truncatingIfNeeded: generator.next() & 0x7FFF)
    }
}
