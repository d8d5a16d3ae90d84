// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sampling
import Testing

@Suite struct PortableMathTests {
    @Test func `the exponential is within two units in the last place`() {
        let errors = stride(from: -700.0, through: 700, by: 0.37).map { x in
            abs(PortableMath.exp(x) - Foundation.exp(x)) / Foundation.exp(x).ulp
        }
        #expect(errors.allSatisfy { $0 <= 2 })
    }

    @Test func `the single exponential is within two units in the last place`() {
        let errors = stride(from: Float(-86), through: 88, by: 0.037).map { x in
            let expected = Foundation.exp(Double(x))
            return abs(Double(PortableMath.exp(x)) - expected) / Double(Float(expected).ulp)
        }
        #expect(errors.allSatisfy { $0 <= 2 })
        #expect(PortableMath.exp(Float(0)) == 1)
        #expect(PortableMath.exp(-Float.infinity) == 0)
        #expect(PortableMath.exp(Float(-88)) == 0)
        #expect(PortableMath.exp(Float(89)) == .infinity)
        #expect(PortableMath.exp(Float.nan).isNaN)
    }

    @Test func `the logarithm is within two units in the last place`() {
        let errors = stride(from: -300.0, through: 300, by: 0.41).map { exponent in
            let x = Foundation.pow(10, exponent)
            return abs(PortableMath.log(x) - Foundation.log(x)) / Foundation.log(x).ulp
        }
        #expect(errors.allSatisfy { $0 <= 2 })
    }

    @Test func `the logarithm near one keeps its digits`() {
        for x in [1 + 0x1p-40, 1 - 0x1p-40, 1.0000001, 0.9999999, 1.41421356, 1.41421357] {
            let expected = Foundation.log(x)
            #expect(abs(PortableMath.log(x) - expected) <= 2 * expected.ulp)
        }
        #expect(PortableMath.log(1) == 0)
    }

    @Test func `the ends of the range are exact`() {
        #expect(PortableMath.exp(0.0) == 1)
        #expect(PortableMath.exp(-Double.infinity) == 0)
        #expect(PortableMath.exp(-709.0) == 0)
        #expect(PortableMath.exp(Double.infinity) == .infinity)
        #expect(PortableMath.exp(Double.nan).isNaN)
        #expect(PortableMath.log(0) == -.infinity)
        #expect(PortableMath.log(-1).isNaN)
    }
}
