// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

/// What an endpoint takes and what it gives: all that the OpenAPI document says of it.
package struct EndpointContract: Sendable {
    /// The body of an answer.
    package enum Answer: Sendable {
        /// JSON.
        case json(FieldKind)

        /// A text of this type.
        case text(String)

        /// None: its status is the answer.
        case nothing
    }

    /// What a server need not have.
    package enum Part: Hashable, Sendable {
        /// Responses that are kept.
        case storage
        /// Usage that is counted.
        case usage
        /// A file of keys.
        case keys
        /// Records of requests.
        case audit
        /// The page.
        case page
        /// Files that are kept.
        case files
        /// Batches that are taken.
        case batches
    }

    /// What it does, in one sentence.
    package let summary: String

    /// The fields of the body; nil where it takes none.
    package let request: FieldList?

    /// What it gives.
    package let answer: Answer

    /// The data of the events of its stream; nil where it has none.
    package var events: FieldKind?

    /// The fields that may stand after the `?` of its path; nil where none is read.
    package var query: FieldList?

    /// The fields of the form that it takes; nil where it takes none.
    package var form: FieldList?

    /// The content type of its stream.
    package var streamType = "text/event-stream"

    /// Types beside its own in which a request may have the answer, as a text.
    package var otherTypes: [String] = []

    /// Statuses beside 200 that come with the same body.
    package var otherStatuses: [Int] = []

    /// Statuses that come without a body, and what they mean.
    package var bareStatuses: [Int: String] = [:]

    /// Without what it is not there; nil where it always is.
    package private(set) var needed: Part?

    /// The contract of an endpoint that answers with JSON.
    ///
    /// - Parameters:
    ///   - summary: what it does, in one sentence.
    ///   - request: the fields of its body.
    ///   - answer: what it gives.
    ///   - events: the data of its stream's events, if it streams.
    package init(
        _ summary: String, takes request: FieldList? = nil, gives answer: FieldKind,
        streams events: FieldKind? = nil
    ) {
        self.init(summary, takes: request, answers: .json(answer))
        self.events = events
    }

    /// The contract of any endpoint.
    package init(_ summary: String, takes request: FieldList? = nil, answers answer: Answer) {
        self.summary = summary
        self.request = request
        self.answer = answer
    }

    /// Whether it may change files or batches.
    var changesJobs: Bool { needed == .files || needed == .batches }

    /// The same, of an endpoint that is there only where the server has that.
    package func needing(_ part: Part) -> EndpointContract {
        var contract = self
        contract.needed = part
        return contract
    }

    /// The same, of an endpoint that reads what stands after the `?` of its path.
    package func queried(_ fields: FieldList) -> EndpointContract {
        var contract = self
        contract.query = fields
        return contract
    }
}

/// An endpoint as tests see it: where it is, and its contract.
package struct ServedContract: Sendable {
    /// `GET` or `POST`.
    package let method: String

    /// Its own path.
    package let path: String

    /// The dialect of its clients, where it is theirs alone.
    package let dialect: Dialect?

    /// What it takes and gives; nil for an endpoint that has not said it.
    package let contract: EndpointContract?

    /// The dialects in which it answers.
    package var dialects: [Dialect] {
        dialect.flatMap { $0.keepsItsRoutes ? [$0] : nil } ?? Dialect.allCases
    }

    /// Of every endpoint.
    package static var all: [ServedContract] {
        RouteTable.standard.endpoints.map {
            ServedContract(
                method: $0.method.rawValue, path: $0.name, dialect: $0.dialect,
                contract: $0.contract)
        }
    }
}
