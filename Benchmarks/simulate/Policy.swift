// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Scheduling

/// The constants of the scheduler that a sweep varies.
struct Policy {
    var name = "default"
    var label = ""
    let positions: Int
    let sequences: Int
    let queue: Int
    var chunk: Int?
    var idleChunk: Int?
    var quantum: Int?
    var turnsPerOldest: Int?
    var tokensPerDecode: Int?
    var admission = Scheduler.Admission.optimistic
    var cachesPrefixes = true

    init(positions: Int, sequences: Int, queue: Int) {
        self.positions = positions
        self.sequences = sequences
        self.queue = queue
    }

    /// The default policy with one constant varied.
    static func sweep(_ constant: String?, from policy: Policy) throws -> [Policy] {
        func vary<Value>(_ values: [Value], _ set: (inout Policy, Value) -> Void) -> [Policy] {
            values.map { value in
                var varied = policy
                varied.name = "\(constant ?? "") \(value)"
                varied.label = "\(value)"
                set(&varied, value)
                return varied
            }
        }
        return switch constant {
        case nil: [policy]
        case "chunk": vary([16, 32, 64, 128, 256, 512] as [Int]) { $0.chunk = $1 }
        case "idle-chunk": vary([64, 128, 256, 512, 1_024] as [Int]) { $0.idleChunk = $1 }
        case "quantum": vary([16, 32, 64, 128, 256] as [Int]) { $0.quantum = $1 }
        case "oldest": vary([1, 2, 4, 8, 1_000_000] as [Int]) { $0.turnsPerOldest = $1 }
        case "per-decode": vary([0, 1, 2, 3, 4, 8] as [Int]) { $0.tokensPerDecode = $1 }
        case "admission":
            vary([Scheduler.Admission.optimistic, .worstCase]) { $0.admission = $1 }
        case "cache": vary([true, false]) { $0.cachesPrefixes = $1 }
        default:
            throw ValidationError(
                "--sweep: chunk, idle-chunk, per-decode, quantum, oldest, admission or cache")
        }
    }

    /// The scheduler's configuration, with its own defaults where nothing is varied.
    var configuration: Scheduler.Configuration {
        let standard = Scheduler.Configuration(blockCount: 1)
        return Scheduler.Configuration(
            maxBatchTokens: sequences + 1_024, maxLogitsRows: sequences, maxSequences: sequences,
            maxQueuedSequences: queue, blockCount: positions / 16, positionsPerBlock: 16,
            prefillChunkTokens: idleChunk ?? standard.prefillChunkTokens,
            prefillChunkTokensWhileDecoding: chunk ?? standard.prefillChunkTokensWhileDecoding,
            prefillQuantumTokens: quantum ?? standard.prefillQuantumTokens,
            turnsPerOldest: turnsPerOldest ?? standard.turnsPerOldest,
            prefillTokensPerDecode: tokensPerDecode ?? standard.prefillTokensPerDecode,
            admission: admission,
            cachesPrefixes: cachesPrefixes)
    }
}
