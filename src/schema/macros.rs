//! The `layout!` macro.

/// Says how a struct or an enum is laid out in its archive, for `schema.lock`: see
/// [`schema`](crate::schema). It takes the archived struct, which rkyv calls `Archived…`.
///
/// It lists the fields, those of a tuple struct by their numbers, and the variants of an enum; the
/// compiler refuses one that is missing. Everything in them needs a layout, too. A field that the
/// archive holds in another form (`#[rkyv(with = …)]`) is described as the archive holds it.
///
/// ```
/// use ringlog::rkyv;
///
/// #[derive(rkyv::Archive, rkyv::Serialize)]
/// #[rkyv(crate = ringlog::rkyv)]
/// pub struct Moved {
///     pub player: u64,
///     pub place: Place,
///     pub reason: Reason,
/// }
/// ringlog::layout!(ArchivedMoved { player, place, reason });
///
/// #[derive(rkyv::Archive, rkyv::Serialize)]
/// #[rkyv(crate = ringlog::rkyv)]
/// pub struct Place(f32, f32);
/// ringlog::layout!(ArchivedPlace { 0, 1 });
///
/// #[derive(rkyv::Archive, rkyv::Serialize)]
/// #[rkyv(crate = ringlog::rkyv)]
/// pub enum Reason {
///     Walked,
///     Teleported(u64),
///     Pushed { by: u64 },
/// }
/// ringlog::layout!(enum ArchivedReason { Walked, Teleported { 0 }, Pushed { by } });
/// ```
///
/// ```compile_fail,E0027
/// # use ringlog::rkyv;
/// # #[derive(rkyv::Archive, rkyv::Serialize)]
/// # #[rkyv(crate = ringlog::rkyv)]
/// # pub struct Moved { pub player: u64, pub x: f32 }
/// ringlog::layout!(ArchivedMoved { player }); // `x` is forgotten
/// ```
#[macro_export]
macro_rules! layout {
    (enum $archived:ident { $($variant:ident $({ $($field:tt),* $(,)? })?),* $(,)? }) => {
        const _: () = {
            type Archived = $archived;

            impl $crate::schema::Layout for Archived {
                fn describe(to: &mut $crate::schema::Description) {
                    to.enumeration::<Self>(
                        // Refused where a variant or a field is missing.
                        |archived| match archived {
                            $( Archived::$variant { $($($field: _),*)? } => stringify!($variant), )*
                        },
                        |variants| {
                            $( variants.variant(stringify!($variant), |_fields| {
                                $($( _fields.variant_field(
                                    stringify!($field),
                                    #[allow(unreachable_patterns, reason = "of a lone variant")]
                                    |archived| match archived {
                                        Archived::$variant { $field: field, .. } => Some(field),
                                        _ => None,
                                    },
                                ); )*)?
                            }); )*
                        },
                    );
                }
            }
        };
    };
    ($archived:ident { $($field:tt),* $(,)? }) => {
        const _: () = {
            type Archived = $archived;

            impl $crate::schema::Layout for Archived {
                fn describe(to: &mut $crate::schema::Description) {
                    // Refused where a field is missing.
                    let _ = |archived: &Archived| {
                        let Archived { $($field: _),* } = archived;
                    };
                    to.structure::<Self>(|_fields| {
                        $( _fields.field(
                            stringify!($field),
                            ::core::mem::offset_of!(Archived, $field),
                            |archived| &archived.$field,
                        ); )*
                    });
                }
            }
        };
    };
}
