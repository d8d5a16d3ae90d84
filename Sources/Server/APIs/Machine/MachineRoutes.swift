// SPDX-License-Identifier: Apache-2.0

import Access
import Generation
import HTTP
import HTTPTypes
import JSON
import Serving

extension RouteGroup {
    /// How the server is doing, to those that run it.
    static let machine = RouteGroup(
        for: .operation,
        .get("/v1/admin/machine/events", isListed: false, contract: .machineEvents) {
            context throws(APIError) in
            let events = try context.backend.machine.events()
            return .stream(.samples) { writer in
                for await event in events { try await writer.write(event) }
            }
        },
        .later("/v1/admin/experts/{request}", isListed: false, contract: .routing) {
            context async throws(APIError) in
            try await context.backend.operatorWork.report(for: context.client) {
                () throws(APIError) in
                guard
                    let report = RoutingReport.json(
                        of: context.parameter, for: context.client, context.backend.models)
                else { throw .itemNotFound(context.parameter) }
                return ServerResponse(json: report)
            }
        },
        .later("/v1/admin/doctor", isListed: false, contract: .findings) {
            context async throws(APIError) in
            try await context.backend.operatorWork.read(for: context.client) {
                () throws(APIError) in
                ServerResponse(json: try examine(context, measures: false))
            }
        },
        .post("/v1/admin/doctor", isListed: false, contract: .measuring) { _, _ in
            .later { context async throws(APIError) in
                try await context.backend.operatorWork.measure(for: context.client) {
                    () throws(APIError) in
                    try refuseWhileBusy(context)
                    return ServerResponse(json: try examine(context, measures: true))
                }
            }
        })

    private static func refuseWhileBusy(_ context: RequestContext) throws(APIError) {
        guard let statistics = context.backend.models.statistics else { return }
        guard statistics.runningSequences == 0, statistics.waitingSequences == 0 else {
            throw .unavailable(
                reason: "Models are computing, which would spoil what is measured; measure "
                    + "while no request is under way.")
        }
    }

    private static func examine(
        _ context: RequestContext, measures: Bool
    ) throws(APIError) -> JSONValue {
        let found: MachineExamination
        do {
            found = try context.backend.configuration.examine(measures)
        } catch {
            throw .failed(reason: "The machine could not be examined: \(error)")
        }
        if let rate = found.readBytesPerSecond {
            context.backend.machine.measured(memoryBandwidth: rate)
        }
        return found.json
    }
}

extension StreamFraming {
    /// Server-sent events, as many as there are until somebody ends it.
    fileprivate static let samples = StreamFraming(
        contentType: ServerSentEvents.contentType, heartbeat: ServerSentEvents.comment(),
        ending: [])
}
