//! Memory that direct I/O accepts.

use std::fmt;

use super::BLOCK_BYTES;

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(4096))]
struct Block([u8; BLOCK_BYTES]);

/// A fixed number of zeroed, block-aligned bytes.
pub(crate) struct AlignedBuffer(Box<[Block]>);

impl AlignedBuffer {
    /// At least `bytes` bytes, rounded up to whole blocks.
    pub(crate) fn zeroed(bytes: usize) -> Self {
        Self(bytemuck::allocation::zeroed_slice_box(
            bytes.div_ceil(BLOCK_BYTES),
        ))
    }
}

impl std::ops::Deref for AlignedBuffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

impl std::ops::DerefMut for AlignedBuffer {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(&mut self.0)
    }
}

impl fmt::Debug for AlignedBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AlignedBuffer").field(&self.len()).finish()
    }
}
