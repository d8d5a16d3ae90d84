// SPDX-License-Identifier: Apache-2.0

package import Computation
import Foundation

extension Peaks {
    /// What was measured, judged.
    ///
    /// - Parameters:
    ///   - threadCount: of those that measured.
    ///   - stolenShare: the part of the time in which a hypervisor ran something else; nil where the
    ///     system does not say.
    /// - Returns: what to think of it.
    package func findings(threadCount: Int, stolenShare: Double?) -> [HostFinding] {
        let read = String(
            format: "%.1f GB/s of all %d threads, %.1f GB/s of one", readAll, threadCount, readOne)
        // One thread alone cannot take all that the memory gives; more that gain nothing have
        // something in their way.
        let gains = threadCount < 4 || readAll > 1.5 * readOne
        let bandwidth = HostFinding(
            "memory bandwidth", gains ? .good : .problem, read,
            advice: gains
                ? nil
                : "threads gain little over one: look whether all memory channels are fitted, "
                    + "and whether something else on the machine reads as much")
        let product: HostFinding
        if int8 > 1.5 * f32 {
            product = HostFinding(
                "int8 products",
                String(format: "%.0f Gop/s (f32 %.0f, bf16 %.0f)", int8, f32, bf16))
        } else {
            product = HostFinding(
                "int8 products", .advice,
                String(format: "%.0f Gop/s, f32 %.0f: no instruction for them", int8, f32),
                advice: "prompts are read some times faster on processors with AVX-VNNI or "
                    + "AVX-512 VNNI; in a virtual machine ask for the host's processor model")
        }
        guard let stolenShare else { return [bandwidth, product] }
        let percent = String(
            format: "%.1f %% of the time went to other machines", stolenShare * 100)
        let isMuch = stolenShare > 0.02
        return [
            bandwidth, product,
            HostFinding(
                "stolen time", isMuch ? .problem : .good, percent,
                advice: isMuch
                    ? "the hypervisor gives the processors to others meanwhile: ask for cores of "
                        + "your own" : nil),
        ]
    }
}
