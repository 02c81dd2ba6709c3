//! How an archived type lies in its bytes, as text.

use std::any::type_name;
use std::fmt::Write;

use rkyv::Portable;
use rkyv::api::low::{self, LowValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Error as RkyvError;
use rkyv::util::AlignedVec;

/// An archived type that can say how it lies in its bytes. Write it with [`layout!`](crate::layout).
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how it is laid out",
    note = "write `ringlog::layout!(ArchivedStruct {{ its, fields }});` beside the struct"
)]
pub trait Layout {
    /// Adds a description to the line that was begun, and lines below it for what it consists of.
    fn describe(to: &mut Description);
}

/// The text that a [`Layout`] writes.
#[derive(Debug, Default)]
pub struct Description {
    text: String,
    /// How deep the lines are that are added next.
    depth: usize,
    /// The types that are being described, from the outermost one on.
    open: Vec<&'static str>,
    /// What is wrong with the descriptions themselves.
    problems: Vec<String>,
}

/// The fields of one struct, or of one variant of an enum.
#[derive(Debug)]
pub struct Fields<'a, S> {
    description: &'a mut Description,
    /// Where each field starts and ends, and its lines.
    found: Vec<(usize, usize, String)>,
    /// An archive that is this variant, where one could be made.
    sample: Option<&'a S>,
    /// Where the next field of a variant starts, by the rules of `repr(C)`.
    next: usize,
}

/// The variants of one enum.
#[derive(Debug)]
pub struct Variants<'a, S> {
    description: &'a mut Description,
    /// The name of the variant of a value.
    name_of: fn(&S) -> &'static str,
    listed: Vec<Variant>,
}

#[derive(Debug)]
struct Variant {
    name: &'static str,
    /// Its tag, where an archive of it could be made.
    tag: Option<u8>,
    lines: String,
}

/// Bytes to make an archive of a variant of: most fields accept one of them.
const FILLS: [u8; 3] = [0, 1, 0xff];

/// What an enum's variants must be for their tags to be told: archives that can be validated.
pub trait Checked: Portable + for<'a> CheckBytes<LowValidator<'a, RkyvError>> {}

impl<T> Checked for T where T: Portable + for<'a> CheckBytes<LowValidator<'a, RkyvError>> {}

impl Description {
    /// Adds `T`, with its size and alignment in front.
    fn whole<T: Layout>(&mut self) {
        let (size, align) = (size_of::<T>(), align_of::<T>());
        self.word(&format!("{size} bytes, aligned to {align}: "));
        T::describe(self);
    }

    /// The lines, and what is wrong with them.
    pub(super) fn finish(self) -> (String, Vec<String>) {
        (self.text, self.problems)
    }

    /// Adds `word` to the line.
    pub fn word(&mut self, word: &str) {
        self.text.push_str(word);
    }

    /// Adds a struct. `describe` names its fields, in any order.
    pub fn structure<S: 'static>(&mut self, describe: impl FnOnce(&mut Fields<'_, S>)) {
        self.within::<S>("struct", |description| {
            let mut fields = Fields {
                description,
                found: Vec::new(),
                sample: None,
                next: 0,
            };
            describe(&mut fields);
            let lines = fields.lines();
            description.word(&lines);
        });
    }

    /// Adds an enum. `describe` names its variants, and `name_of` tells them apart.
    pub fn enumeration<S: Checked + 'static>(
        &mut self,
        name_of: fn(&S) -> &'static str,
        describe: impl FnOnce(&mut Variants<'_, S>),
    ) {
        self.within::<S>("enum", |description| {
            let mut variants = Variants {
                description,
                name_of,
                listed: Vec::new(),
            };
            describe(&mut variants);
            let listed = variants.listed;
            description.variants::<S>(listed);
        });
    }

    /// Adds a type with lines of its own, one level deeper; of one that lies within itself, how far
    /// up it is.
    fn within<S>(&mut self, word: &str, describe: impl FnOnce(&mut Self)) {
        let name = type_name::<S>();
        let above = self.open.iter().rev().position(|open| *open == name);
        if let Some(above) = above {
            self.word(&format!("the {word} {} levels up", above + 1));
            return;
        }
        self.word(word);
        self.open.push(name);
        self.depth += 1;
        describe(self);
        self.depth -= 1;
        self.open.pop();
    }

    /// The lines of something whose first line starts with `start`.
    fn lines_of(&mut self, start: &str, describe: impl FnOnce(&mut Self)) -> String {
        let before = std::mem::take(&mut self.text);
        let indent = "  ".repeat(self.depth);
        let _ = write!(self.text, "\n{indent}{start}");
        describe(self);
        std::mem::replace(&mut self.text, before)
    }

    fn variants<S>(&mut self, mut listed: Vec<Variant>) {
        let deviates = |(position, variant): (usize, &Variant)| {
            variant.tag.is_some_and(|tag| usize::from(tag) != position)
        };
        let is_in_order = !listed.iter().enumerate().any(deviates);
        for (position, variant) in listed.iter_mut().enumerate() {
            match (variant.tag, u8::try_from(position)) {
                (None, Ok(position)) if is_in_order => variant.tag = Some(position),
                (None, _) => self.problems.push(format!(
                    "the tag of {}::{} cannot be told: list the variants in the order of the enum",
                    type_name::<S>(),
                    variant.name
                )),
                _ => {}
            }
        }
        listed.sort_by_key(|variant| variant.tag);
        for variant in listed {
            let tag = variant.tag.unwrap_or_default();
            let indent = "  ".repeat(self.depth);
            let _ = write!(self.text, "\n{indent}{tag} {}", variant.name);
            self.word(&variant.lines);
        }
    }
}

impl<S> Fields<'_, S> {
    /// Adds the field `name`, which starts at `offset`.
    pub fn field<F: Layout>(&mut self, name: &str, offset: usize, _: fn(&S) -> &F) {
        self.add::<F>(name, offset);
    }

    /// As [`field`](Self::field), of a variant: it starts where it does in an archive of the variant,
    /// or behind the field that was added before.
    pub fn variant_field<F: Layout>(&mut self, name: &str, field: fn(&S) -> Option<&F>) {
        let computed = self.next.next_multiple_of(align_of::<F>());
        self.next = computed + size_of::<F>();
        let measured = self.sample.and_then(|sample| {
            let start = std::ptr::from_ref(sample).addr();
            Some(std::ptr::from_ref(field(sample)?).addr() - start)
        });
        self.add::<F>(name, measured.unwrap_or(computed));
    }

    fn add<F: Layout>(&mut self, name: &str, offset: usize) {
        let end = offset + size_of::<F>();
        let start = format!("{offset}..{end} {name}: ");
        let lines = self.description.lines_of(&start, F::describe);
        self.found.push((offset, end, lines));
    }

    /// The lines of all fields, in the order of the bytes.
    fn lines(mut self) -> String {
        self.found.sort_by_key(|(start, end, _)| (*start, *end));
        self.found.into_iter().map(|(.., lines)| lines).collect()
    }
}

impl<S: Checked> Variants<'_, S> {
    /// Adds the variant `name`. `describe` names its fields, in the order of the enum.
    pub fn variant(&mut self, name: &'static str, describe: impl FnOnce(&mut Fields<'_, S>)) {
        let sample = self.sample(name);
        let sample = sample.as_ref();
        let archived = sample.and_then(|(_, bytes)| low::access::<S, RkyvError>(bytes).ok());
        self.description.depth += 1;
        let mut fields = Fields {
            description: self.description,
            found: Vec::new(),
            sample: archived,
            next: 1,
        };
        describe(&mut fields);
        let lines = fields.lines();
        self.description.depth -= 1;
        self.listed.push(Variant {
            name,
            tag: sample.map(|(tag, _)| *tag),
            lines,
        });
    }

    /// Bytes that are a valid archive of the variant `name`, and its tag in them.
    fn sample(&self, name: &str) -> Option<(u8, AlignedVec<16>)> {
        for fill in FILLS {
            for tag in 0..=u8::MAX {
                let mut bytes = AlignedVec::new();
                bytes.resize(size_of::<S>(), fill);
                *bytes.first_mut()? = tag;
                if let Ok(archived) = low::access::<S, RkyvError>(&bytes)
                    && (self.name_of)(archived) == name
                {
                    return Some((tag, bytes));
                }
            }
        }
        None
    }
}

/// How one type in one version is laid out. Written by the [`events!`](crate::events) macro.
#[derive(Debug, Clone, Copy)]
pub struct TypeLayout {
    /// The type's kind.
    pub kind: u16,
    /// The version.
    pub version: u16,
    /// The struct's name.
    pub body: &'static str,
    /// Describes it; `None` where the struct has no [`layout!`](crate::layout).
    pub describe: Option<fn(&mut Description)>,
}

/// Asks whether `T` has a layout. For the `events!` macro.
#[doc(hidden)]
#[derive(Debug)]
pub struct Probe<T>(std::marker::PhantomData<T>);

impl<T: Layout> Probe<T> {
    /// An inherent constant hides that of [`NoLayout`], where its bounds are met.
    pub const DESCRIBE: Option<fn(&mut Description)> = Some(Description::whole::<T>);
}

/// What [`Probe`] says of every other type.
#[doc(hidden)]
pub trait NoLayout {
    const DESCRIBE: Option<fn(&mut Description)> = None;
}

impl<T> NoLayout for Probe<T> {}

#[cfg(test)]
mod tests {
    use rkyv::vec::ArchivedVec;

    use super::*;

    struct Tree {
        branches: ArchivedVec<Branch>,
    }

    struct Branch {
        tree: Tree,
    }

    impl Layout for Tree {
        fn describe(to: &mut Description) {
            to.structure::<Self>(|fields| fields.field("branches", 0, |tree| &tree.branches));
        }
    }

    impl Layout for Branch {
        fn describe(to: &mut Description) {
            to.structure::<Self>(|fields| fields.field("tree", 0, |branch| &branch.tree));
        }
    }

    #[test]
    fn a_type_that_holds_itself_is_described_once() {
        let mut description = Description::default();
        description.whole::<Tree>();
        let expected = "8 bytes, aligned to 4: struct\n  0..8 branches: list of struct\n    \
                        0..8 tree: the struct 2 levels up";
        assert_eq!(description.finish(), (expected.to_owned(), Vec::new()));
    }

    #[test]
    fn tags_that_cannot_be_told_are_a_problem_only_out_of_order() {
        let listed = |tags: &[Option<u8>]| {
            let variant = |tag: &Option<u8>| Variant {
                name: "V",
                tag: *tag,
                lines: String::new(),
            };
            let mut description = Description::default();
            description.variants::<Tree>(tags.iter().map(variant).collect());
            description.finish()
        };
        let (text, problems) = listed(&[Some(0), None, Some(2)]);
        assert_eq!((text.as_str(), problems.len()), ("\n0 V\n1 V\n2 V", 0));
        let (_, problems) = listed(&[Some(2), None, Some(0)]);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("Tree::V"), "{problems:?}");
    }
}
