// SPDX-License-Identifier: Apache-2.0

package import JSON

/// An order of requests in which those that begin alike stand together, so that what their prompts
/// have in common is computed once.
///
/// Requests are told apart by digests of the first 64 bytes of their prompts, then of the first 256, and
/// so on. What begins alike takes the place of the first of them; otherwise the order stays.
package struct PromptOrder {
    /// The bytes after which prompts are compared.
    private static let lengths = [64, 256, 1024, 4096, 16_384, 65_536]

    /// The first request with a beginning, by the digest of that.
    private var firsts: [UInt64: Int] = [:]
    /// The first request with each beginning of each request, the shortest first, and its own place.
    private var keys: [[Int]] = []

    /// No requests.
    package init() {}

    /// Adds the next request.
    package mutating func add(_ body: JSONObject) {
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325
        var (count, level) = (0, 0)
        var key: [Int] = []
        func place(_ digest: UInt64, _ firsts: inout [UInt64: Int], _ next: Int) -> Int {
            if let first = firsts[digest] { return first }
            firsts[digest] = next
            return next
        }
        reading: for name in Self.members {
            guard let value = body[name] else { continue }
            for byte in value.serialized().utf8 {
                digest = (digest ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
                count += 1
                if count == Self.lengths[level] {
                    key.append(place(digest &+ UInt64(level), &firsts, keys.count))
                    level += 1
                    if level == Self.lengths.count { break reading }
                }
            }
        }
        keys.append(key + [keys.count])
    }

    /// What stands in a prompt, in the order in which it does.
    private static let members = [
        "model", "tools", "instructions", "system", "messages", "input", "prompt", "suffix",
    ]

    /// The place of each request in the order.
    package func ranks() -> [Int] {
        let order = keys.indices.sorted { keys[$0].lexicographicallyPrecedes(keys[$1]) }
        var ranks = [Int](repeating: 0, count: order.count)
        for (rank, index) in order.enumerated() { ranks[index] = rank }
        return ranks
    }
}
