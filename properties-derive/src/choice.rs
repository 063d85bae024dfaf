//! `#[derive(Choice)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Expr, Fields, Result};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else { return Err(Error::new_spanned(input, "a choice is an enum")) };
    let mut pairs = Vec::new();
    for variant in &data.variants {
        let Fields::Unit = variant.fields else { return Err(Error::new_spanned(variant, "a choice carries no data")) };
        let attribute = variant.attrs.iter().find(|attribute| attribute.path().is_ident("choice"));
        let attribute =
            attribute.ok_or_else(|| Error::new_spanned(variant, "give the word, as `#[choice(\"JWT\")]`"))?;
        let word: Expr = attribute.parse_args()?;
        let variant = &variant.ident;
        pairs.push(quote!((#word, Self::#variant)));
    }
    let name = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl crate::properties::Choice for #name {
            fn choices() -> impl Iterator<Item = (&'static str, Self)> {
                [#(#pairs),*].into_iter()
            }
        }
    })
}
