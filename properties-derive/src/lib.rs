//! Derive macros for properties of custom resources: a property is declared once, on the field that holds its value.
//!
//! `#[derive(PropertySet)]` implements the trait of that name in `src/properties.rs` of the function, which explains it
//! by an example. `#[derive(Choice)]` declares the words of a property that takes one of a fixed set.

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

mod choice;
mod property_set;

/// Implements `PropertySet` for a struct.
///
/// The doc comment of a field with a name is the property's text in docs/reference.md, and is required. Attributes of a
/// field, as `#[property(…)]`:
///
/// - `name = "MaxLifetime"`: the property's name. The type of the field decides how its value is read (`FromProperty`).
/// - `default = 28_800`: the value of an absent property. The expression may use the fields above it. Without a default,
///   the type decides what absence means: an `Option` is `None`, a list or map is empty, and everything else is required.
/// - `default_text = "…"`: the default in docs/reference.md, where the value does not say it.
/// - `range = 60..=1_209_600`: the bounds of a whole number.
/// - `chars = 4096`: the maximum number of characters of a text.
/// - `plain_keys = KEYS`: keys of a map of secrets whose values are not secret.
/// - `check = f`: refuses values, by `fn f(name: &str, value: &T) -> Result<(), Error>`. It is not called for `None`.
/// - `map = f`: converts the value that was read, by `fn f(R) -> T`. `R` is then what reads the value.
/// - `parse = f`: the same for a conversion that may refuse, by `fn f(name: &str, R) -> Result<T, Error>`.
/// - `replaces`: a change of the property replaces the resource. This is for docs/reference.md; the resource decides.
///
/// Attributes of a field for a group of properties, which is a `PropertySet` of its own:
///
/// - `flatten`: reads the type of the field.
/// - `flatten = Group, map = f`: reads `Group`, and converts it by `fn f(Group) -> T`.
/// - `flatten = Group, parse = f`: the same by `fn f(&PropertyReader, Group) -> Result<T, Error>`, which may refuse it.
/// - `also = other`: `f` returns the values of two fields. The other field has no attributes.
///
/// Attribute of the struct: `#[properties(check = f)]` refuses combinations, by `fn f(&Self) -> Result<(), Error>`.
#[proc_macro_derive(PropertySet, attributes(property, properties))]
pub fn derive_property_set(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    property_set::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Implements `Choice` for an enum without data. Each variant has the word that templates use: `#[choice("JWT")]`.
#[proc_macro_derive(Choice, attributes(choice))]
pub fn derive_choice(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    choice::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
