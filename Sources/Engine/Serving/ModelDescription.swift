// SPDX-License-Identifier: Apache-2.0

/// What clients are told of a model; how it is written is for each API to say.
package struct ModelDescription: Hashable, Sendable {
    /// What a model can do besides continuing text.
    package enum Capability: Hashable, Sendable {
        /// It answers conversations.
        case chat

        /// It fills the gap between two texts.
        case infilling

        /// It calls tools.
        case toolCalls

        /// It thinks before it answers.
        case thinking

        /// It makes embeddings of texts.
        case embedding

        /// It scores how well two texts go together.
        case reranking
    }

    /// The model's own name.
    package var name: String

    /// Other names that requests may use.
    package var aliases: [String]

    /// The model that this one is an adapter of; nil: it is none.
    package var parent: String?

    /// When its file was written, in seconds since 1970.
    package var creationTime: Int

    /// One line about the model.
    package var summary: String

    /// The most tokens of a prompt and its answer together.
    package var contextLength: Int

    /// The temperature where a request says none; nil if its makers advise none.
    package var defaultTemperature: Double?

    /// The most tokens of an answer where a request says none; nil for as many as fit.
    package var defaultMaxTokens: Int?

    /// What it can do.
    package var capabilities: Set<Capability>

    /// The number of its weights, if that is known.
    package var parameterCount: Int?

    /// How many bytes its weights have in their files, if that is known.
    package var weightByteCount: Int?

    /// The type of most of its weights, as GGUF calls it; `none` for one that has no matrices.
    package var quantization: String?

    /// How conversations are written, as people call it.
    package var promptFormat: String?

    /// The experts of each layer, if it has experts (E).
    package var expertCount: Int?

    /// The experts that compute each token (A).
    package var expertsPerToken: Int?

    /// Whether it continues texts at all.
    package var generates = true

    /// The length of its embeddings, if it makes any.
    package var embeddingDimension: Int?

    /// Describes a model; what is not given is unknown.
    package init(
        name: String, aliases: [String] = [], creationTime: Int, summary: String = "",
        contextLength: Int, defaultTemperature: Double? = nil,
        capabilities: Set<Capability> = [.chat]
    ) {
        self.name = name
        self.aliases = aliases
        self.creationTime = creationTime
        self.summary = summary
        self.contextLength = contextLength
        self.defaultTemperature = defaultTemperature
        self.capabilities = capabilities
    }

    /// Whether that is one of the model's names.
    package func isNamed(_ name: String) -> Bool { name == self.name || aliases.contains(name) }
}
