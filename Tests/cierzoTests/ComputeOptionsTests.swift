// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Computation
import Parallelism
import Serving
import Testing
import cierzo

@Suite struct ComputeOptionsTests {
    @Test func `without options an engine gets what the machine gives`() throws {
        let options = try ComputeOptions.parse([])
        #expect(options.assembly.threads == nil)
        #expect(options.assembly.kernels == "automatic")
        #expect(options.assembly.pinning == .automatic)
        #expect(options.assembly.kvType == .f16)
        #expect(!options.acceptsStale)
    }

    @Test func `every option reaches the engine`() throws {
        let options = try ComputeOptions.parse([
            "--threads", "3", "--kernels=scalar", "--pin", "never", "--kv-type", "q8",
            "--accept-stale",
        ])
        #expect(options.assembly.threads == 3)
        #expect(options.assembly.kernels == "scalar")
        #expect(options.assembly.pinning == .never)
        #expect(options.assembly.kvType == .q8)
        #expect(options.acceptsStale)
    }

    @Test(arguments: [
        ("--threads", "0", "--threads: expected a whole number from 1 to 1024, found '0'"),
        (
            "--kernels", "sse",
            "--kernels: expected one of automatic, scalar, avx2, avxvnni, avx512, exact, blas, "
                + "found 'sse'"
        ),
        ("--pin", "some", "--pin: expected one of automatic, always, never, found 'some'"),
        ("--kv-type", "f8", "--kv-type: expected one of f32, f16, bf16, q8, found 'f8'"),
    ])
    func `values that the table of settings does not allow are wrong usage`(
        flag: String, value: String, message: String
    ) {
        #expect {
            try ComputeOptions.parse([flag, value])
        } throws: { error in
            ComputeOptions.exitCode(for: error) == .validationFailure
                && ComputeOptions.message(for: error) == message
        }
    }
}
