// SPDX-License-Identifier: Apache-2.0

import Sampling
import Testing

@Suite struct SamplingParametersTests {
    @Test func `the defaults and the greedy parameters are valid`() throws {
        try SamplingParameters().validate(vocabularyCount: 10)
        try SamplingParameters.greedy.validate(vocabularyCount: 10)
    }

    static let invalid: [(String, SamplingParameters)] = [
        ("temperature", .init(temperature: -1)),
        ("temperature", .init(temperature: .nan)),
        ("temperature", .init(temperature: .infinity)),
        ("top_p", .init(topP: 0)),
        ("top_p", .init(topP: 1.01)),
        ("top_p", .init(topP: .nan)),
        ("top_k", .init(topK: 0)),
        ("top_k", .init(topK: -1)),
        ("min_p", .init(minP: -0.1)),
        ("min_p", .init(minP: 1.1)),
        ("min_p", .init(minP: .nan)),
        ("frequency_penalty", .init(frequencyPenalty: .nan)),
        ("presence_penalty", .init(presencePenalty: .infinity)),
        ("repetition_penalty", .init(repetitionPenalty: 0)),
        ("repetition_penalty", .init(repetitionPenalty: .nan)),
        ("logit_bias", .init(logitBias: [10: 1])),
        ("logit_bias", .init(logitBias: [-1: 1])),
        ("logit_bias", .init(logitBias: [0: .nan])),
    ]

    @Test(arguments: invalid)
    func `a value out of range is an error that names its field`(
        field: String, parameters: SamplingParameters
    ) {
        do throws(SamplingError) {
            try parameters.validate(vocabularyCount: 10)
            Issue.record("\(field) was accepted")
        } catch {
            guard case .invalidParameter(field, _) = error else {
                Issue.record("\(error)")
                return
            }
        }
    }
}
