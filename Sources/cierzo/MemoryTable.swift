// SPDX-License-Identifier: Apache-2.0

package import Computation
import Console
import Inference
package import JSON
package import ModelFiles
import Parallelism
import Quantization
import Serving

/// What a model of some numbers needs in memory, a row for each type its weights could be stored in.
package struct MemoryTable {
    /// One type.
    struct Row {
        let type: ElementType
        let fileByteCount: Int
        let plan: MemoryPlan
    }

    let name: String
    let configuration: ModelConfiguration
    let positionCount: Int
    let kvType: KVElementType
    let rows: [Row]

    /// Plans for all types that the model's rows are whole blocks of, the smallest first.
    ///
    /// - Throws: `TransformerError` where the memory cannot be counted.
    package init(
        name: String, configuration: ModelConfiguration, context: Int, kvType: KVElementType
    ) throws {
        let positionsPerBlock = 32
        let limits = TransformerLimits(
            maxBatchTokens: 512,
            blockCount: max(1, (context + positionsPerBlock - 1) / positionsPerBlock),
            positionsPerBlock: positionsPerBlock, kvElementType: kvType)
        var rows: [Row] = []
        for type in ElementType.allCases where type.isEncodable {
            guard let file = configuration.weightByteCount(of: type, layout: .rows),
                let packed = configuration.weightByteCount(of: type, layout: .panels)
            else { continue }
            let plan = try MemoryPlan(
                configuration: configuration, weightByteCount: packed, limits: limits,
                threadCount: ProcessorTopology.current().availableThreadCount)
            rows.append(Row(type: type, fileByteCount: file, plan: plan))
        }
        self.name = name
        self.configuration = configuration
        self.kvType = kvType
        positionCount = limits.blockCount * positionsPerBlock
        self.rows = rows.sorted { $0.plan.weightByteCount < $1.plan.weightByteCount }
    }

    /// What a sequence takes besides, in models that keep states.
    private var statesText: String {
        guard let plan = rows.first?.plan, plan.stateByteCount > 0 else { return "" }
        return ", and \(byteText(plan.stateByteCount)) of states for each sequence"
    }

    /// The table, for people.
    package var text: String {
        let memory = MachineMemory.byteCount()
        var lines = [
            "\(name): \(countText(configuration.parameterCount)) parameters, "
                + "\(countText(configuration.activeParameterCount)) for each token; "
                + "\(positionCount) positions of KV cache in \(kvType)" + statesText,
            Self.line(["type", "file", "packed", "KV cache", "scratch", "total", "here"]),
        ]
        for row in rows {
            let fits = row.plan.totalByteCount <= memory
            lines.append(
                Self.line(
                    [row.type.name]
                        + [
                            row.fileByteCount, row.plan.weightByteCount, row.plan.kvByteCount,
                            row.plan.activationByteCount, row.plan.totalByteCount,
                        ].map(byteText) + [fits ? "fits" : "-"]))
        }
        lines.append(
            "All matrices in one type; a mix such as Q4_K_M lies between its types. Here: "
                + byteText(memory))
        return lines.joined(separator: "\n")
    }

    /// The table, for programs.
    package var json: JSONValue {
        .object([
            "name": .string(name), "parameters": .integer(configuration.parameterCount),
            "active_parameters": .integer(configuration.activeParameterCount),
            "kv_positions": .integer(positionCount), "kv_type": .string("\(kvType)"),
            "types": .array(
                rows.map { row in
                    .object([
                        "type": .string(row.type.name), "file_bytes": .integer(row.fileByteCount),
                        "packed_bytes": .integer(row.plan.weightByteCount),
                        "kv_bytes": .integer(row.plan.kvByteCount),
                        "state_bytes": .integer(row.plan.stateByteCount),
                        "scratch_bytes": .integer(row.plan.activationByteCount),
                        "total_bytes": .integer(row.plan.totalByteCount),
                    ])
                }),
        ])
    }

    private static func line(_ cells: [String]) -> String {
        cells.enumerated().map { index, cell in
            let space = String(repeating: " ", count: max(0, (index == 0 ? 8 : 11) - cell.count))
            return index == 0 ? cell + space : space + cell
        }.joined()
    }
}
