//! The layouts of what rkyv makes of the types of the standard library.

use rkyv::boxed::ArchivedBox;
use rkyv::collections::btree_map::ArchivedBTreeMap;
use rkyv::collections::btree_set::ArchivedBTreeSet;
use rkyv::collections::swiss_table::{ArchivedHashMap, ArchivedHashSet};
use rkyv::niche::niched_option::NichedOption;
use rkyv::niche::option_box::ArchivedOptionBox;
use rkyv::option::ArchivedOption;
use rkyv::result::ArchivedResult;
use rkyv::string::ArchivedString;
use rkyv::time::ArchivedDuration;
use rkyv::traits::ArchivePointee;
use rkyv::vec::ArchivedVec;
use rkyv::{Archived, rend};

use super::{Description, Layout};

/// Types that are told by one name.
macro_rules! named {
    ($($archived:ty => $name:literal;)+) => {
        $(
            impl Layout for $archived {
                fn describe(to: &mut Description) {
                    to.word($name);
                }
            }
        )+
    };
}

named! {
    () => "nothing";
    bool => "bool";
    u8 => "u8";
    i8 => "i8";
    rend::u16_le => "u16";
    rend::u32_le => "u32";
    rend::u64_le => "u64";
    rend::u128_le => "u128";
    rend::i16_le => "i16";
    rend::i32_le => "i32";
    rend::i64_le => "i64";
    rend::i128_le => "i128";
    rend::f32_le => "f32";
    rend::f64_le => "f64";
    rend::char_le => "char";
    core::num::NonZeroU8 => "nonzero u8";
    core::num::NonZeroI8 => "nonzero i8";
    rend::NonZeroU16_le => "nonzero u16";
    rend::NonZeroU32_le => "nonzero u32";
    rend::NonZeroU64_le => "nonzero u64";
    rend::NonZeroU128_le => "nonzero u128";
    rend::NonZeroI16_le => "nonzero i16";
    rend::NonZeroI32_le => "nonzero i32";
    rend::NonZeroI64_le => "nonzero i64";
    rend::NonZeroI128_le => "nonzero i128";
    str => "text";
    ArchivedString => "string";
    ArchivedDuration => "duration";
    rkyv::net::ArchivedIpv4Addr => "IPv4 address";
    rkyv::net::ArchivedIpv6Addr => "IPv6 address";
    rkyv::niche::option_nonzero::ArchivedOptionNonZeroU8 => "niched option of nonzero u8";
    rkyv::niche::option_nonzero::ArchivedOptionNonZeroU16 => "niched option of nonzero u16";
    rkyv::niche::option_nonzero::ArchivedOptionNonZeroU32 => "niched option of nonzero u32";
    rkyv::niche::option_nonzero::ArchivedOptionNonZeroU64 => "niched option of nonzero u64";
    rkyv::niche::option_nonzero::ArchivedOptionNonZeroI8 => "niched option of nonzero i8";
    rkyv::niche::option_nonzero::ArchivedOptionNonZeroI16 => "niched option of nonzero i16";
    rkyv::niche::option_nonzero::ArchivedOptionNonZeroI32 => "niched option of nonzero i32";
    rkyv::niche::option_nonzero::ArchivedOptionNonZeroI64 => "niched option of nonzero i64";
}

// The names above have no byte order: it is the one that the crate's features choose.
const _: fn(rend::u64_le) -> Archived<u64> = |number| number;

impl<T: Layout> Layout for [T] {
    fn describe(to: &mut Description) {
        to.word("list of ");
        T::describe(to);
    }
}

impl<T: Layout> Layout for ArchivedVec<T> {
    fn describe(to: &mut Description) {
        to.word("list of ");
        T::describe(to);
    }
}

impl<T: Layout, const N: usize> Layout for [T; N] {
    fn describe(to: &mut Description) {
        to.word(&format!("{N} of "));
        T::describe(to);
    }
}

impl<T: Layout> Layout for ArchivedOption<T> {
    fn describe(to: &mut Description) {
        to.word("option of ");
        T::describe(to);
    }
}

impl<T: Layout + ArchivePointee + ?Sized> Layout for ArchivedBox<T> {
    fn describe(to: &mut Description) {
        to.word("box of ");
        T::describe(to);
    }
}

impl<T: Layout + ArchivePointee + ?Sized> Layout for ArchivedOptionBox<T> {
    fn describe(to: &mut Description) {
        to.word("niched option of box of ");
        T::describe(to);
    }
}

impl<T: Layout, N: ?Sized> Layout for NichedOption<T, N> {
    fn describe(to: &mut Description) {
        // What the niche is lies in its type alone.
        let niche = std::any::type_name::<N>();
        let niche = niche.rsplit("::").next().unwrap_or(niche);
        to.word(&format!("option niched by {niche} of "));
        T::describe(to);
    }
}

impl<T: Layout, E: Layout> Layout for ArchivedResult<T, E> {
    fn describe(to: &mut Description) {
        to.word("result of ");
        T::describe(to);
        to.word(" or ");
        E::describe(to);
    }
}

impl<K: Layout, V: Layout, H> Layout for ArchivedHashMap<K, V, H> {
    fn describe(to: &mut Description) {
        to.word("hash map of ");
        K::describe(to);
        to.word(" to ");
        V::describe(to);
    }
}

impl<K: Layout, H> Layout for ArchivedHashSet<K, H> {
    fn describe(to: &mut Description) {
        to.word("hash set of ");
        K::describe(to);
    }
}

impl<K: Layout, V: Layout, const E: usize> Layout for ArchivedBTreeMap<K, V, E> {
    fn describe(to: &mut Description) {
        to.word(&format!("sorted map ({E} a node) of "));
        K::describe(to);
        to.word(" to ");
        V::describe(to);
    }
}

impl<K: Layout, const E: usize> Layout for ArchivedBTreeSet<K, E> {
    fn describe(to: &mut Description) {
        to.word(&format!("sorted set ({E} a node) of "));
        K::describe(to);
    }
}

/// Tuples, as rkyv archives them.
macro_rules! tuples {
    ($($archived:ident($($element:ident $index:tt),+);)+) => {
        $(
            impl<$($element: Layout + 'static),+> Layout for rkyv::tuple::$archived<$($element),+> {
                fn describe(to: &mut Description) {
                    to.structure::<Self>(|fields| {
                        $( fields.field(
                            stringify!($index),
                            core::mem::offset_of!(Self, $index),
                            |tuple| &tuple.$index,
                        ); )+
                    });
                }
            }
        )+
    };
}

tuples! {
    ArchivedTuple1(A 0);
    ArchivedTuple2(A 0, B 1);
    ArchivedTuple3(A 0, B 1, C 2);
    ArchivedTuple4(A 0, B 1, C 2, D 3);
    ArchivedTuple5(A 0, B 1, C 2, D 3, E 4);
    ArchivedTuple6(A 0, B 1, C 2, D 3, E 4, F 5);
}
