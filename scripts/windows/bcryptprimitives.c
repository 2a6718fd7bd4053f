/*
 * bcryptprimitives.dll for Wines that have none (before 9). Rust's standard library takes its random bytes from
 * ProcessPrng, which every Windows has. For tests under Wine only; never shipped.
 */
#include <stdint.h>
#include <windows.h>

/* advapi32 exports RtlGenRandom under this name; its length is a 32-bit number. */
BOOLEAN WINAPI SystemFunction036(void *bytes, ULONG count);

__declspec(dllexport) BOOL WINAPI ProcessPrng(BYTE *bytes, SIZE_T count)
{
    const BYTE *end = bytes + count;

    while (bytes < end) {
        SIZE_T left = (SIZE_T)(end - bytes);
        ULONG part = left < UINT32_MAX ? (ULONG)left : UINT32_MAX;

        if (!SystemFunction036(bytes, part))
            return FALSE;
        bytes += part;
    }
    return TRUE;
}
