// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Scheduling

@main
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cierzo-simulate",
        abstract: "Drive the real scheduler through a load, on a machine that is only calculated.",
        discussion: """
            Steps take as long as reading their weights or multiplying their tokens would, whichever \
            is longer, and their attention. Prints throughput, the time to the first token and the \
            gap between tokens, in milliseconds.

              swift run -c release cierzo-simulate --machine server64 --users 500
              swift run -c release cierzo-simulate --rate 2 --sweep chunk --svg sweep.svg
            """)

    @Option(help: "vm2 (2 cores) or server64 (64 cores, 12 channels).") var machine = "server64"
    @Option(help: "mixtral or mixtral2 (2 of its 32 layers).") var model = "mixtral"
    @Option(help: "Users who ask, read, think and ask on; several numbers with commas.")
    var users: String?
    @Option(help: "Seconds that a user thinks, on average.") var pause = 30.0
    @Option(help: "Requests per second without users; several numbers with commas.")
    var rate: String?
    @Option(help: "How many requests arrive at the same moment, with --rate.") var burst = 1
    @Option(help: "Keys that users or requests belong to, in turn.") var clients = 1
    @Option(help: "A file with a line `seconds,prompt,output[,client]` for each request.")
    var trace: String?
    @Option(help: "Seconds during which requests arrive.") var duration = 600.0
    @Option(help: "Median of the prompts' tokens.") var prompt = 300.0
    @Option(help: "Median of the answers' tokens.") var output = 150.0
    @Option(help: "Tokens that all prompts begin with.") var system = 200
    @Option(help: "Tokens of a context.") var context = 8192
    @Option(help: "Positions that the KV cache holds.") var positions = 262_144
    @Option(help: "Sequences that run at the same time.") var sequences = 64
    @Option(help: "Sequences that wait besides.") var queue = 1_024
    @Option(
        help: "What to vary: chunk, idle-chunk, per-decode, quantum, oldest, admission or cache.")
    var sweep: String?
    @Option(help: "Where to draw the sweep.") var svg: String?
    @Option(help: "Seed of the load.") var seed: UInt64 = 1

    func run() throws {
        guard let machine = CostModel.Machine.all.first(where: { $0.name == machine }) else {
            throw ValidationError("--machine: vm2 or server64")
        }
        guard let model = CostModel.Model.all.first(where: { $0.name == model }) else {
            throw ValidationError("--model: mixtral or mixtral2")
        }
        guard context >= 64, positions >= context, sequences >= 1, queue >= 0, burst >= 1,
            clients >= 1, prompt >= 1, output >= 1, system >= 0, pause > 0, duration > 0
        else { throw ValidationError("a size is not positive, or the context does not fit") }
        let policies = try Policy.sweep(
            sweep, from: Policy(positions: positions, sequences: sequences, queue: queue))
        var plot = ScatterPlot(
            title: "\(model.name) on \(machine.name), by \(sweep ?? "default")",
            xTitle: "time to first token, 90th percentile (ms)",
            yTitle: "gap between tokens, 99th percentile (ms)")
        for load in try loads() {
            print("\(model.name) on \(machine.name), \(load.name)\n\(Report.header)")
            var series = ScatterPlot.Series(name: load.name)
            for policy in policies {
                var simulation = Simulation(
                    configuration: policy.configuration,
                    costs: CostModel(machine: machine, model: model), arrivals: load.arrivals,
                    workload: load.workload, pause: pause, duration: duration)
                simulation.run()
                let report = simulation.report
                print(report.line(policy.name))
                series.points.append(
                    (
                        Report.percentile(report.firstTokens, 90) * 1e3,
                        Report.percentile(report.gaps, 99) * 1e3, policy.label
                    ))
            }
            plot.series.append(series)
        }
        if let svg { try plot.svg.write(toFile: svg, atomically: true, encoding: .utf8) }
    }

    private struct Load {
        let name: String
        let arrivals: [Demand]
        let workload: Workload
    }

    private func loads() throws -> [Load] {
        var workload = Workload(
            systemCount: system, promptMedian: prompt, outputMedian: output,
            contextLength: context, generator: LoadGenerator(state: seed))
        if let trace {
            guard let demands = Workload.trace(try String(contentsOfFile: trace, encoding: .utf8))
            else { throw ValidationError("--trace: expected seconds,prompt,output[,client]") }
            guard demands.allSatisfy({ $0.promptCount + $0.outputCount <= context }) else {
                throw ValidationError("--trace: a request does not fit into the context")
            }
            return [Load(name: "trace", arrivals: demands, workload: workload)]
        }
        if let rate {
            return try numbers(rate, "--rate").map { rate in
                let arrivals = workload.poisson(
                    rate: rate, duration: duration, burst: burst, clients: clients)
                return Load(name: "\(rate) requests/s", arrivals: arrivals, workload: workload)
            }
        }
        return try numbers(users ?? "500", "--users").map { count in
            let arrivals = workload.users(Int(count), pause: pause, clients: clients)
            return Load(name: "\(Int(count)) users", arrivals: arrivals, workload: workload)
        }
    }

    private func numbers(_ text: String, _ option: String) throws -> [Double] {
        let numbers = text.split(separator: ",").compactMap { Double($0) }
        guard !numbers.isEmpty, numbers.allSatisfy({ $0 > 0 && $0 < 1e6 }) else {
            throw ValidationError("\(option): positive numbers, separated by commas")
        }
        return numbers
    }
}
