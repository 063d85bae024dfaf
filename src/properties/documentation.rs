//! The part of a property's declaration that only docs/reference.md needs.

/// The rest of a property's declaration.
pub(crate) struct Documentation {
    pub(crate) kind: Kind,
    /// The default in words; `None` if there is none.
    pub(crate) default: Option<String>,
    /// True if a change of the property replaces the resource.
    pub(crate) replaces: bool,
    /// The doc comment.
    pub(crate) text: &'static str,
}

/// The values that a property accepts, in words.
pub(crate) struct Kind {
    pub(super) words: String,
    pub(super) is_required: bool,
}
