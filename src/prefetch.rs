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
    prefetch_line(std::ptr::from_ref(value).cast());
}

/// Asks the processor to fetch the pair of cache lines that lie `count` such pairs behind `value`,
/// which is one of many in a row and starts with a line. There may be anything.
#[inline(always)]
pub(crate) fn prefetch_behind<T>(value: &T, count: u64) {
    for line in pair_behind(value, count) {
        prefetch_line(line);
    }
}

/// As [`prefetch_behind`], to write there: whoever has the lines is asked to give them up.
#[inline(always)]
pub(crate) fn prefetch_behind_to_write<T>(value: &T, count: u64) {
    for line in pair_behind(value, count) {
        prefetch_line_to_write(line);
    }
}

/// The addresses of the two lines that lie `count` pairs behind `value`.
#[inline(always)]
fn pair_behind<T>(value: &T, count: u64) -> [*const i8; 2] {
    const { assert!(size_of::<T>() >= LINE_BYTES * 2) };
    let address: *const i8 = std::ptr::from_ref(value)
        .wrapping_add(count as usize)
        .cast();
    [address, address.wrapping_add(LINE_BYTES)]
}

const LINE_BYTES: usize = 64;

#[inline(always)]
fn prefetch_line_to_write(address: *const i8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch neither faults nor changes anything, whatever the address; processors that
    // do not know this one take it for a no-operation.
    unsafe {
        std::arch::asm!(
            "prefetchw [{address}]",
            address = in(reg) address,
            options(nostack, preserves_flags, readonly),
        );
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: a prefetch neither faults nor changes anything, whatever the address.
    unsafe {
        std::arch::asm!(
            "prfm pstl1keep, [{address}]",
            address = in(reg) address,
            options(nostack, preserves_flags, readonly),
        );
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    let _ = address;
}

#[inline(always)]
fn prefetch_line(address: *const i8) {
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
