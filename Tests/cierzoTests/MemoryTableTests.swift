// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON
import ModelFiles
import Testing
import cierzo

@Suite struct MemoryTableTests {
    private func mixtral(context: Int = 8192, kvType: KVElementType = .f16) throws -> MemoryTable {
        let published = try #require(
            ModelConfiguration.published.first { $0.name == "mixtral-8x7b" })
        return try MemoryTable(
            name: published.name, configuration: published.configuration, context: context,
            kvType: kvType)
    }

    @Test func `a row's parts make its total, and the smallest row comes first`() throws {
        let json = try mixtral().json
        #expect(json["parameters"]?.intValue == 46_702_792_704)
        #expect(json["active_parameters"]?.intValue == 12_879_925_248)
        #expect(json["kv_positions"]?.intValue == 8192)
        let rows = try #require(json["types"]?.arrayValue)
        #expect(rows.first?["type"]?.stringValue == "Q2_K")
        var last = 0
        for row in rows {
            let packed = try #require(row["packed_bytes"]?.intValue)
            let kv = try #require(row["kv_bytes"]?.intValue)
            let scratch = try #require(row["scratch_bytes"]?.intValue)
            #expect(kv == 1 << 30)
            #expect(row["total_bytes"]?.intValue == packed + kv + scratch)
            #expect(packed >= last)
            last = packed
        }
    }

    @Test func `states are told where a model keeps some`() throws {
        let published = try #require(
            ModelConfiguration.published.first { $0.name == "qwen3.6-35b-a3b" })
        let table = try MemoryTable(
            name: published.name, configuration: published.configuration, context: 1024,
            kvType: .f16)

        #expect(table.text.contains(", and 62.8 MiB of states for each sequence\n"))
        #expect(try !mixtral().text.contains("states"))
    }

    @Test func `the cache is as long as asked for and as wide as its type`() throws {
        let json = try mixtral(context: 8193, kvType: .f32).json
        #expect(json["kv_type"]?.stringValue == "f32")
        #expect(json["kv_positions"]?.intValue == 8224)
        #expect(
            json["types"]?.arrayValue?.first?["kv_bytes"]?.intValue
                == 8224 * 2 * 32 * 8 * 128 * 4)
    }

    @Test func `people read a line for each type, and what there is here`() throws {
        let table = try mixtral()
        let lines = table.text.split(separator: "\n").map(String.init)
        #expect(
            lines.first
                == "mixtral-8x7b: 46.70 B parameters, 12.88 B for each token; "
                + "8192 positions of KV cache in f16")
        #expect(
            lines[1].split(separator: " ")
                == ["type", "file", "packed", "KV", "cache", "scratch", "total", "here"])
        #expect(lines.count == 3 + (table.json["types"]?.arrayValue?.count ?? 0))
        #expect(lines.last?.contains("Here: ") == true)
        #expect(
            lines.dropFirst(2).dropLast().allSatisfy { $0.hasSuffix("fits") || $0.hasSuffix("-") })
    }
}
