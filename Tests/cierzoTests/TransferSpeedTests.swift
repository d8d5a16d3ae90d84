// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing
import cierzo

@Suite struct TransferSpeedTests {
    @Test func `bytes that were there before are no speed`() {
        let time = Mutex(ContinuousClock.now)
        let speed = TransferSpeed(now: { time.withLock { $0 } })
        #expect(speed.text(100 << 20, of: 200 << 20) == "100.0 MiB of 200.0 MiB")
        time.withLock { $0 += .seconds(10) }
        #expect(
            speed.text(110 << 20, of: 200 << 20)
                == "110.0 MiB of 200.0 MiB, 1.0 MiB/s, 1 min 30 s left,")
    }

    @Test func `a beginning that is taken back begins again`() {
        let time = Mutex(ContinuousClock.now)
        let speed = TransferSpeed(now: { time.withLock { $0 } })
        _ = speed.text(5 << 20, of: 10 << 20)
        time.withLock { $0 += .seconds(2) }
        #expect(speed.text(0, of: 10 << 20) == "0 bytes of 10.0 MiB")
        time.withLock { $0 += .seconds(2) }
        #expect(speed.text(4 << 20, of: 10 << 20).hasSuffix("2.0 MiB/s, 3 s left,"))
    }
}
