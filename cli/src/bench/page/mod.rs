//! One HTML page.

use super::answer::Answer;

pub(super) fn render(_answer: &Answer) -> String {
    String::new()
}
