// SPDX-License-Identifier: Apache-2.0

import Access
import HTTP
import HTTPTypes

extension RouteGroup {
    /// How the server is doing, to those that run it.
    static let machine = RouteGroup(
        for: .operation,
        .get("/v1/admin/machine/events", isListed: false, contract: .machineEvents) { context in
            .stream(.samples) { writer in
                for await event in context.backend.machine.events() {
                    try await writer.write(event)
                }
            }
        })
}

extension StreamFraming {
    /// Server-sent events, as many as there are until somebody ends it.
    fileprivate static let samples = StreamFraming(
        contentType: ServerSentEvents.contentType, heartbeat: ServerSentEvents.comment(),
        ending: [])
}
