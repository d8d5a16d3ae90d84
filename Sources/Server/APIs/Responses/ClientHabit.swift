// SPDX-License-Identifier: Apache-2.0

/// What a client sends in every request, though the request is complete without it.
struct ClientHabit: Sendable {
    /// How its name in `User-Agent` begins.
    let agent: String

    /// Types of tools that only its maker's own servers run, and that it works without.
    let needlessTools: Set<String>

    private static let all = [
        // Codex offers them to every model of every provider unless it is configured otherwise.
        ClientHabit(
            agent: "codex", needlessTools: ["web_search", "image_generation", "tool_search"])
    ]

    /// The habits of a client, if it is known for any.
    static func of(_ agent: String) -> ClientHabit? {
        all.first { agent.lowercased().hasPrefix($0.agent) }
    }
}
