// SPDX-License-Identifier: Apache-2.0

import Serving

/// Where the parts of a question stand in a body.
struct QuestionFields: Sendable {
    /// The prompt, or the list of them.
    let prompt: FieldPath

    /// Whether there is a list.
    var isList = false

    /// What asks for a gap to be filled.
    var gap = FieldPath("prompt")

    /// The field of a part.
    func path(of part: Question.Part) -> FieldPath {
        switch part {
        case .prompt(let index): isList ? prompt.appending(index) : prompt
        case .promptToken(let index, let token): path(of: .prompt(index)).appending(token)
        case .tools: "tools"
        case .gap: gap
        case .stopToken(let index): FieldPath("stop_token_ids").appending(index)
        case .bias(let token): FieldPath("logit_bias").appending(String(token))
        case .neededContext: "num_ctx"
        case .parameter(let name): FieldPath(name)
        }
    }

    /// Does something with a question; its error becomes the API's.
    func naming<Result>(
        _ work: () throws(ServingError) -> Result
    ) throws(APIError) -> Result {
        do throws(ServingError) { return try work() } catch { throw APIError(error, fields: self) }
    }
}
