//! Copying a few dozen bytes.
#![forbid(unsafe_code)]

/// Copies `from` to `to`, which is as long; fast where they are 16 to 128 bytes long.
///
/// Bytes of that number are copied as two pieces of one of three lengths that overlap: the
/// compiler makes a few instructions of that, where a copy of any length is a call.
///
/// # Panics
///
/// When the lengths differ.
#[inline]
pub(crate) fn copy_short(to: &mut [u8], from: &[u8]) {
    match from.len() {
        64..=128 => copy_ends::<64>(to, from),
        32..64 => copy_ends::<32>(to, from),
        16..32 => copy_ends::<16>(to, from),
        _ => to.copy_from_slice(from),
    }
}

#[inline(always)]
fn copy_ends<const BYTES: usize>(to: &mut [u8], from: &[u8]) {
    assert!(to.len() == from.len() && from.len() >= BYTES);
    let last = from.len() - BYTES;
    to[..BYTES].copy_from_slice(&from[..BYTES]);
    to[last..].copy_from_slice(&from[last..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_copied_whole_and_nothing_else_is_touched() {
        let from: Vec<u8> = (0..=255).collect();
        for length in 0..=200 {
            let mut to = [0xee; 256];
            copy_short(&mut to[20..20 + length], &from[..length]);
            assert_eq!(&to[20..20 + length], &from[..length]);
            assert!(
                to[..20]
                    .iter()
                    .chain(&to[20 + length..])
                    .all(|&byte| byte == 0xee)
            );
        }
    }
}
