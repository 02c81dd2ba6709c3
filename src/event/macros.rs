//! The `events!` macro.

/// Writes the enum over a program's event types, and the view enum over their archives.
///
/// Each line gives a variant with its struct, its kind number (unique, 1 to 65,279, never reused),
/// its stable name, its layout version, the field that routes it (`key`, convertible into `u64`),
/// and, where it has one, the field with its own time in milliseconds (`time`, an `i64`). A type
/// that changed lists its older versions (`from`) with the functions that lead on from them: see
/// [`schema`](crate::schema), also for `since`.
///
/// ```
/// use ringlog::rkyv;
///
/// #[derive(Debug, rkyv::Archive, rkyv::Serialize)]
/// #[rkyv(crate = ringlog::rkyv)]
/// pub struct Opened {
///     pub account: u64,
/// }
///
/// #[derive(Debug, rkyv::Archive, rkyv::Serialize)]
/// #[rkyv(crate = ringlog::rkyv)]
/// pub struct Deposited {
///     pub account: u64,
///     pub cents: u64,
///     pub at_ms: i64,
/// }
///
/// ringlog::events! {
///     /// What happens to accounts.
///     #[derive(Debug)]
///     pub enum BankEvent, view BankView {
///         Opened(Opened) = 1, "account.opened", version 1, key account;
///         Deposited(Deposited) = 2, "account.deposited", version 1, key account, time at_ms;
///     }
/// }
///
/// use ringlog::Event;
/// let event = BankEvent::from(Deposited { account: 7, cents: 250, at_ms: 1_000 });
/// assert_eq!(event.key(), 7);
/// assert_eq!(event.time_ms(), Some(1_000));
/// assert_eq!(event.event_type().name, "account.deposited");
/// ```
///
/// A version without an upcaster is refused, and so is an upcaster that does not lead to the next
/// version:
///
/// ```compile_fail,E0080
/// # use ringlog::rkyv;
/// # #[derive(rkyv::Archive, rkyv::Serialize)]
/// # #[rkyv(crate = ringlog::rkyv)]
/// # pub struct Opened { pub account: u64 }
/// ringlog::events! {
///     pub enum BankEvent, view BankView {
///         Opened(Opened) = 1, "account.opened", version 2, key account;
///     }
/// }
/// ```
///
/// ```compile_fail,E0308
/// # use ringlog::rkyv;
/// # #[derive(rkyv::Archive, rkyv::Serialize)]
/// # #[rkyv(crate = ringlog::rkyv)]
/// # pub struct Opened { pub account: u64 }
/// # #[derive(rkyv::Archive, rkyv::Serialize)]
/// # #[rkyv(crate = ringlog::rkyv)]
/// # pub struct OpenedV2 { pub account: u64 }
/// # #[derive(rkyv::Archive, rkyv::Serialize)]
/// # #[rkyv(crate = ringlog::rkyv)]
/// # pub struct OpenedV1 { pub account: u64 }
/// ringlog::events! {
///     pub enum BankEvent, view BankView {
///         Opened(Opened) = 1, "account.opened", version 3, key account,
///             from 1: OpenedV1 => |old| Opened { account: old.account.into() }, // not OpenedV2
///             from 2: OpenedV2 => |old| Opened { account: old.account.into() };
///     }
/// }
/// ```
#[macro_export]
macro_rules! events {
    (
        $(#[$attribute:meta])*
        $visibility:vis enum $events:ident, view $view:ident {
            $(
                $(#[$variant_attribute:meta])*
                $variant:ident($body:ty) = $kind:literal, $name:literal,
                version $version:literal $(since $since:literal)?,
                key $($key:ident).+ $(, time $($time:ident).+)?
                $(, from $older:literal: $older_body:ty => $upcaster:expr)*;
            )+
        }
    ) => {
        $(#[$attribute])*
        $visibility enum $events {
            $( $(#[$variant_attribute])* $variant($body), )+
        }

        #[doc = concat!("The archived counterpart of [`", stringify!($events), "`], as `apply` sees it.")]
        $visibility enum $view<'a> {
            $( $(#[$variant_attribute])* $variant(&'a <$body as $crate::rkyv::Archive>::Archived), )+
        }

        impl ::core::fmt::Debug for $view<'_> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(match self { $( Self::$variant(_) => $name, )+ })
            }
        }

        $(
            impl From<$body> for $events {
                fn from(body: $body) -> Self {
                    Self::$variant(body)
                }
            }
        )+

        const _: () = {
            let types = <$events as $crate::Event>::TYPES;
            let mut i = 0;
            while i < types.len() {
                assert!(
                    types[i].kind >= 1 && types[i].kind < 0xff00,
                    "kinds are 1 to 65,279: the others are the engine's own"
                );
                assert!(types[i].version >= 1, "versions start at 1");
                assert!(
                    $crate::event::is_name(types[i].name),
                    "a name is visible ASCII without spaces"
                );
                let mut j = 0;
                while j < i {
                    assert!(types[i].kind != types[j].kind, "two event types share a kind");
                    assert!(
                        !$crate::event::is_same_name(types[i].name, types[j].name),
                        "two event types share a name"
                    );
                    j += 1;
                }
                i += 1;
            }
        };

        $(
            const _: () = assert!(
                $crate::event::is_chain(
                    $crate::events!(@since $($since)?),
                    &[$($older),*],
                    $version,
                ),
                concat!(
                    $name, ": every version below the current one needs its upcaster (`from 1: …`), \
                    in order; `version 3 since 2` says that version 1 is no longer read"
                )
            );
            $crate::events!(@chain $body; $([$older_body => $upcaster])*);
        )+

        impl $crate::Event for $events {
            type View<'a> = $view<'a>;

            const TYPES: &'static [$crate::EventType] = &[
                $( $crate::EventType { kind: $kind, version: $version, name: $name }, )+
            ];

            const OLDER_TYPES: &'static [$crate::EventType] = &[
                $( $( $crate::EventType { kind: $kind, version: $older, name: $name }, )* )+
            ];

            fn event_type(&self) -> &'static $crate::EventType {
                match self {
                    $( Self::$variant(_) => {
                        &$crate::EventType { kind: $kind, version: $version, name: $name }
                    } )+
                }
            }

            #[inline]
            fn key(&self) -> u64 {
                match self {
                    $( Self::$variant(body) => u64::from(body.$($key).+), )+
                }
            }

            #[inline]
            fn time_ms(&self) -> Option<i64> {
                match self {
                    $( Self::$variant(_body) => $crate::events!(@time _body $(, $($time).+)?), )+
                }
            }

            #[inline]
            fn archive(&self, archiver: &mut $crate::Archiver) -> Result<(), $crate::ArchiveError> {
                match self {
                    $( Self::$variant(body) => archiver.archive(body), )+
                }
            }

            fn layouts() -> ::std::vec::Vec<$crate::schema::TypeLayout> {
                #[allow(unused_imports, reason = "where every type has a layout")]
                use $crate::schema::NoLayout as _;
                ::std::vec![
                    $(
                        $( $crate::schema::TypeLayout {
                            kind: $kind,
                            version: $older,
                            body: stringify!($older_body),
                            describe: $crate::schema::Probe::<
                                <$older_body as $crate::rkyv::Archive>::Archived
                            >::DESCRIBE,
                        }, )*
                        $crate::schema::TypeLayout {
                            kind: $kind,
                            version: $version,
                            body: stringify!($body),
                            describe: $crate::schema::Probe::<
                                <$body as $crate::rkyv::Archive>::Archived
                            >::DESCRIBE,
                        },
                    )+
                ]
            }

            #[inline]
            fn view(
                kind: u16,
                version: u16,
                bytes: &[u8],
            ) -> Result<Self::View<'_>, $crate::ViewError> {
                match (kind, version) {
                    $( ($kind, $version) => {
                        $crate::event::view_checked::<$body>(bytes).map($view::$variant)
                    } )+
                    _ => Err($crate::event::not_viewed::<Self>(kind, version)),
                }
            }

            fn upcast(
                kind: u16,
                version: u16,
                step: $crate::event::Upcast<'_>,
            ) -> Result<$crate::event::Stepped, $crate::event::UpcastCause> {
                match (kind, version) {
                    $( $( ($kind, $older) => step.by::<$older_body, _>($upcaster), )* )+
                    _ => step.refuse::<Self>(kind, version),
                }
            }

            #[inline]
            unsafe fn view_trusted(kind: u16, version: u16, bytes: &[u8]) -> Self::View<'_> {
                match (kind, version) {
                    $( ($kind, $version) => {
                        // SAFETY: the caller vouches that `view` accepted these bytes for this
                        // kind and version, and `view` validated them as an archive of this body.
                        $view::$variant(unsafe { $crate::event::view_trusted::<$body>(bytes) })
                    } )+
                    _ => unreachable!("`view` refuses kinds that are not listed"),
                }
            }
        }
    };
    (@since) => { 1 };
    (@since $since:literal) => { $since };
    // Each upcaster returns the struct that the next one takes, and the last one the current struct.
    (@chain $body:ty;) => {};
    (@chain $body:ty; [$older:ty => $upcaster:expr]) => {
        const _: fn(&<$older as $crate::rkyv::Archive>::Archived) -> $body = $upcaster;
    };
    (@chain $body:ty; [$older:ty => $upcaster:expr] [$next:ty => $next_upcaster:expr] $($rest:tt)*) => {
        const _: fn(&<$older as $crate::rkyv::Archive>::Archived) -> $next = $upcaster;
        $crate::events!(@chain $body; [$next => $next_upcaster] $($rest)*);
    };
    (@time $body:ident) => { None };
    (@time $body:ident, $($time:ident).+) => { Some($body.$($time).+) };
}
