//! Asking the processor for memory before it is needed.
#![allow(unsafe_code, reason = "a hint to the processor")]

/// Asks the processor to fetch the cache line in which `value` starts.
///
/// A hint without an effect that could be observed, other than time: for use in
/// [`State::prefetch`](crate::State::prefetch). Making the reference reads nothing, so that
/// `prefetch(&table[place])` does not wait for the line.
///
/// It does something on x86-64 and on 64-bit ARM, and nothing elsewhere.
#[inline(always)]
pub fn prefetch<T: ?Sized>(value: &T) {
    let address = std::ptr::from_ref(value).cast::<i8>();
    // Miri interprets no such hints.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch neither faults nor changes anything, whatever the address; SSE is part of
    // x86-64.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address);
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: a prefetch neither faults nor changes anything, whatever the address, and the
    // instruction touches neither the stack nor the flags.
    unsafe {
        std::arch::asm!(
            "prfm pldl1keep, [{address}]",
            address = in(reg) address,
            options(nostack, preserves_flags, readonly),
        );
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    let _ = address;
}
