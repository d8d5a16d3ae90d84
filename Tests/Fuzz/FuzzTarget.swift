// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
import Fuzzers

/// The fuzzer that scripts/fuzz means; libFuzzer has main, and the command line, for itself.
private let chosen: Fuzzer = {
    let name = ProcessInfo.processInfo.environment["CIERZO_FUZZER"] ?? ""
    guard let fuzzer = Fuzzer.all.first(where: { $0.name == name }) else {
        let names = Fuzzer.all.map(\.name).joined(separator: " ")
        fatalError("CIERZO_FUZZER names no fuzzer: '\(name)'. There are: \(names)")
    }
    return fuzzer
}()

/// What libFuzzer calls with each input; ends the process where a law does not hold.
@_cdecl("LLVMFuzzerTestOneInput")
package func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
    if let result = chosen.problemAtOnce(with: input) {
        if let problem = result { fatalError("\(chosen.name): \(problem)") }
        return 0
    }
    let isDone = DispatchSemaphore(value: 0)
    Task.detached {
        if let problem = await chosen.problem(with: input) {
            fatalError("\(chosen.name): \(problem)")
        }
        isDone.signal()
    }
    isDone.wait()
    return 0
}
