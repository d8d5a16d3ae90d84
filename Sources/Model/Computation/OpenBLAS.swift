// SPDX-License-Identifier: Apache-2.0

internal import COpenBLAS
internal import Glibc

/// The library, loaded when it is first asked for.
///
/// Its threads start with it and look for work for a while: a server that multiplies by its own
/// kernels would begin with less of its processors.
@safe struct OpenBLAS: Sendable {
    /// cblas_sgemm.
    typealias SGEMM =
        @convention(c) (
            CBLAS_ORDER, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, blasint, blasint, blasint, Float,
            UnsafePointer<Float>?, blasint, UnsafePointer<Float>?, blasint, Float,
            UnsafeMutablePointer<Float>?, blasint
        ) -> Void

    /// The product of two matrices, on the calling thread.
    let sgemm: SGEMM

    /// Nil where the system has no OpenBLAS.
    static let shared = OpenBLAS()

    private init?() {
        let names = ["libopenblas.so.0", "libopenblas.so"]
        let library = unsafe names.lazy.compactMap { unsafe dlopen($0, RTLD_NOW | RTLD_LOCAL) }
            .first
        guard let library = unsafe library, let sgemm = unsafe dlsym(library, "cblas_sgemm"),
            let setThreads = unsafe dlsym(library, "openblas_set_num_threads")
        else { return nil }
        unsafe self.sgemm = unsafeBitCast(sgemm, to: SGEMM.self)
        // The pool's workers call it, each for itself.
        unsafe unsafeBitCast(setThreads, to: (@convention(c) (CInt) -> Void).self)(1)
    }
}
