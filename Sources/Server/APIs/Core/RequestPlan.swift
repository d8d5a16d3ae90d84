// SPDX-License-Identifier: Apache-2.0

import HTTP

/// What a request has become once it was read: no more than its answer needs.
enum RequestPlan: Sendable {
    /// A chat's or an infilling's answer is to be generated.
    case chat(ChatPlan)

    /// A completion is to be generated.
    case text(TextPlan)

    /// There is nothing left to do.
    case response(ServerResponse)
}
