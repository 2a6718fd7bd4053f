//! What the runtime's words mean: providers have no common codes for the failures that are worth telling
//! apart.

use super::super::RunFailure;

/// Of DXGI: removed, hung, reset, an internal error of the driver. Of CUDA and HIP: the context is gone with
/// everything in it.
const LOST: [&str; 10] = [
    "887a0005",
    "887a0006",
    "887a0007",
    "887a0020",
    "device removed",
    "device lost",
    "illegal memory access",
    "unspecified launch failure",
    "hiperrorillegaladdress",
    "hiperrorlaunchfailure",
];

/// Of ONNX Runtime's own arena and of C++, of CUDA and cuBLAS, of HIP, of DirectML (`E_OUTOFMEMORY`), of what
/// is below `OpenVINO`.
const NO_MEMORY: [&str; 7] = [
    "failed to allocate",
    "bad_alloc",
    "out of memory",
    "alloc_failed",
    "8007000e",
    "not enough memory",
    "cl_mem_object_allocation_failure",
];

/// The sort of failure that `message` tells of.
pub(super) fn cause(message: &str) -> RunFailure {
    let message = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&LOST) {
        RunFailure::DeviceLost
    } else if says(&NO_MEMORY) {
        RunFailure::OutOfMemory
    } else {
        RunFailure::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_that_are_gone_and_memory_that_is_not_there_are_told_apart_from_anything_else() {
        for (message, expected) in [
            (
                "Exception(3) tid(1f) 887A0006 The GPU will not respond to more commands",
                RunFailure::DeviceLost,
            ),
            ("DmlCommandRecorder.cpp(371) Exception 887A0020 internal error", RunFailure::DeviceLost),
            ("CUDA failure 700: an illegal memory access was encountered ; GPU=0", RunFailure::DeviceLost),
            (
                "CUDA failure 2: out of memory ; GPU=0 ; expr=cudaMalloc((void**)&p, size)",
                RunFailure::OutOfMemory,
            ),
            ("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0", RunFailure::OutOfMemory),
            (
                "BFCArena: Failed to allocate memory for requested buffer of size 1073741824",
                RunFailure::OutOfMemory,
            ),
            ("Exception(1) 8007000E Not enough memory resources are available", RunFailure::OutOfMemory),
            ("std::bad_alloc", RunFailure::OutOfMemory),
            ("Got invalid dimensions for input: input.1", RunFailure::Other),
        ] {
            assert_eq!(cause(message), expected, "{message}");
        }
    }
}
