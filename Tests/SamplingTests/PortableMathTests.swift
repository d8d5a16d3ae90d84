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
        #expect(PortableMath.exp(0) == 1)
        #expect(PortableMath.exp(-.infinity) == 0)
        #expect(PortableMath.exp(-709) == 0)
        #expect(PortableMath.exp(.infinity) == .infinity)
        #expect(PortableMath.exp(.nan).isNaN)
        #expect(PortableMath.log(0) == -.infinity)
        #expect(PortableMath.log(-1).isNaN)
    }
}
