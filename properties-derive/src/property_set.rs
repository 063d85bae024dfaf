//! `#[derive(PropertySet)]`.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{
    Attribute, Data, DeriveInput, Error, Expr, ExprLit, Field, Fields, Ident, Lit, LitStr, Meta, Result, Token, Type,
    parse_quote,
};

/// The attributes of one field, as written.
#[derive(Default)]
struct Attributes {
    name: Option<LitStr>,
    flatten: bool,
    /// The type that is read, if it is not the type of the field.
    group: Option<Type>,
    also: Option<Ident>,
    default: Option<Expr>,
    default_text: Option<LitStr>,
    range: Option<Expr>,
    chars: Option<Expr>,
    plain_keys: Option<Expr>,
    check: Option<Expr>,
    map: Option<Expr>,
    parse: Option<Expr>,
    replaces: bool,
}

impl Attributes {
    /// Reads `#[property(…)]`. Returns `None` if the field has none.
    fn of(field: &Field) -> Result<Option<Self>> {
        let mut attributes = field.attrs.iter().filter(|attribute| attribute.path().is_ident("property"));
        let Some(attribute) = attributes.next() else { return Ok(None) };
        if let Some(second) = attributes.next() {
            return Err(Error::new_spanned(second, "write one `#[property(…)]` with everything in it"));
        }
        let mut read = Self::default();
        let mut names = BTreeSet::new();
        attribute.parse_nested_meta(|meta| {
            let name = meta.path.require_ident()?.to_string();
            if !names.insert(name.clone()) {
                return Err(meta.error("is there twice"));
            }
            match name.as_str() {
                "name" => read.name = Some(meta.value()?.parse()?),
                "flatten" => {
                    read.flatten = true;
                    read.group = meta.input.peek(Token![=]).then(|| meta.value()?.parse()).transpose()?;
                }
                "also" => read.also = Some(meta.value()?.parse()?),
                "default" => read.default = Some(meta.value()?.parse()?),
                "default_text" => read.default_text = Some(meta.value()?.parse()?),
                "range" => read.range = Some(meta.value()?.parse()?),
                "chars" => read.chars = Some(meta.value()?.parse()?),
                "plain_keys" => read.plain_keys = Some(meta.value()?.parse()?),
                "check" => read.check = Some(meta.value()?.parse()?),
                "map" => read.map = Some(meta.value()?.parse()?),
                "parse" => read.parse = Some(meta.value()?.parse()?),
                "replaces" => read.replaces = true,
                _ => return Err(meta.error("is not an attribute of a property")),
            }
            Ok(())
        })?;
        Ok(Some(read))
    }

    /// Refuses attributes on a group that only properties have.
    fn check_group(&self, field: &Field) -> Result<()> {
        let is_property = self.name.is_some()
            || self.default.is_some()
            || self.default_text.is_some()
            || self.range.is_some()
            || self.chars.is_some()
            || self.plain_keys.is_some()
            || self.check.is_some()
            || self.replaces;
        if is_property {
            return Err(Error::new_spanned(field, "a group takes `map`, `parse` and `also` only"));
        }
        Ok(())
    }
}

/// The contribution of one field.
struct Part {
    /// A constant with the declaration. It is empty for a group.
    declaration: TokenStream,
    /// The entry in the table.
    entry: TokenStream,
    /// The statement that reads it.
    statement: TokenStream,
}

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(input, "a set of properties is a struct with named fields"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new_spanned(&data.fields, "a set of properties is a struct with named fields"));
    };
    let mut parts = Vec::new();
    let mut bound_by_others = Vec::new();
    let mut names = Vec::new();
    for field in &fields.named {
        let Some(ident) = &field.ident else { continue };
        names.push(ident);
        match Attributes::of(field)? {
            Some(attributes) => {
                bound_by_others.extend(attributes.also.clone());
                parts.push(part(parts.len(), ident, field, &attributes)?);
            }
            None if bound_by_others.contains(ident) => {}
            None => return Err(Error::new_spanned(field, "say which property this is: `#[property(name = \"…\")]`")),
        }
    }
    let declarations = parts.iter().map(|part| &part.declaration);
    let entries = parts.iter().map(|part| &part.entry);
    let statements = parts.iter().map(|part| &part.statement);
    let check = struct_check(&input.attrs)?.map(|check| quote!(#check(&read)?;));
    let name = &input.ident;
    Ok(quote! {
        const _: () = {
            #(#declarations)*

            #[automatically_derived]
            impl crate::properties::PropertySet for #name {
                const TABLE: crate::properties::Table = &[#(#entries),*];

                fn read(
                    reader: &crate::properties::PropertyReader<'_>,
                ) -> ::core::result::Result<Self, crate::error::Error> {
                    #(#statements)*
                    let read = Self { #(#names),* };
                    #check
                    Ok(read)
                }
            }
        };
    })
}

fn part(index: usize, ident: &Ident, field: &Field, attributes: &Attributes) -> Result<Part> {
    match (attributes.flatten, &attributes.name) {
        (true, None) => {
            attributes.check_group(field)?;
            group_part(ident, field, attributes)
        }
        (false, Some(_)) if attributes.also.is_some() => {
            Err(Error::new_spanned(field, "`also` is for `flatten`: a property has one value"))
        }
        (false, Some(name)) => property_part(index, ident, field, name, attributes),
        _ => Err(Error::new_spanned(field, "say either `name` or `flatten`")),
    }
}

fn group_part(ident: &Ident, field: &Field, attributes: &Attributes) -> Result<Part> {
    let field_type = &field.ty;
    let group = attributes.group.as_ref().unwrap_or(field_type);
    let read = quote!(<#group as crate::properties::PropertySet>::read(reader)?);
    let value = match (&attributes.map, &attributes.parse) {
        (None, None) => read,
        (Some(map), None) => quote!((#map)(#read)),
        (None, Some(parse)) => quote!((#parse)(reader, #read)?),
        (Some(_), Some(_)) => return Err(Error::new_spanned(field, "say either `map` or `parse`")),
    };
    let pattern =
        attributes.also.as_ref().map_or_else(|| quote!(#ident: #field_type), |other| quote!((#ident, #other)));
    let statement = quote!(let #pattern = #value;);
    let entry = quote!(crate::properties::Entry::Group(<#group as crate::properties::PropertySet>::TABLE));
    Ok(Part { declaration: TokenStream::new(), entry, statement })
}

fn property_part(index: usize, ident: &Ident, field: &Field, name: &LitStr, attributes: &Attributes) -> Result<Part> {
    let text = documentation(&field.attrs)?;
    if text.is_empty() {
        return Err(Error::new_spanned(
            field,
            "document the property: its doc comment is its text in docs/reference.md",
        ));
    }
    let constant = format_ident!("PROPERTY_{index}");
    let range = optional(attributes.range.as_ref());
    let chars = optional(attributes.chars.as_ref());
    let plain_keys = attributes.plain_keys.clone().unwrap_or_else(|| parse_quote!(&[]));
    let replaces = attributes.replaces;
    let field_type = &field.ty;
    let conversion = attributes.map.as_ref().or(attributes.parse.as_ref());
    // The parameter of a conversion tells which type reads the value.
    let kind = match (conversion, &attributes.parse) {
        (None, _) => quote!(crate::properties::documentation::Kind::of::<#field_type>()),
        (Some(_), Some(parse)) => quote!(crate::properties::documentation::Kind::parsed_by(&#parse)),
        (Some(map), None) => quote!(crate::properties::documentation::Kind::mapped_by(&#map)),
    };
    let default = attributes.default.as_ref().map(owned);
    let default_text = match (&attributes.default_text, &default) {
        (Some(text), _) => quote!(Some(String::from(#text))),
        (None, Some(value)) => quote!(Some(crate::properties::reference::in_words(&#value))),
        (None, None) => quote!(None),
    };
    let declaration = quote! {
        const #constant: crate::properties::Property = crate::properties::Property {
            name: #name,
            range: #range,
            chars_max: #chars,
            plain_keys: #plain_keys,
            #[cfg(test)]
            documentation: || crate::properties::documentation::Documentation {
                kind: #kind,
                default: #default_text,
                replaces: #replaces,
                text: #text,
            },
        };
    };
    let read = default.as_ref().map_or_else(
        || quote!(crate::properties::FromProperty::read(reader, &#constant)?),
        |default| quote!(crate::properties::FromProperty::given(reader, &#constant)?.unwrap_or_else(|| #default)),
    );
    let value = match (&attributes.map, &attributes.parse) {
        (None, None) => read,
        (Some(map), None) => quote!((#map)(#read)),
        (None, Some(parse)) => quote!((#parse)(#name, #read)?),
        (Some(_), Some(_)) => return Err(Error::new_spanned(field, "say either `map` or `parse`")),
    };
    let check = attributes.check.as_ref().map(|check| {
        if is_option(field_type) {
            quote!(if let Some(value) = &#ident { #check(#name, value)?; })
        } else {
            quote!(#check(#name, &#ident)?;)
        }
    });
    let statement = quote!(let #ident: #field_type = #value; #check);
    Ok(Part { declaration, entry: quote!(crate::properties::Entry::Property(&#constant)), statement })
}

fn optional(value: Option<&Expr>) -> TokenStream {
    value.map_or_else(|| quote!(None), |value| quote!(Some(#value)))
}

/// Turns the literal of a text into a `String`, the type of the property.
fn owned(value: &Expr) -> TokenStream {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => quote!(String::from(#text)),
        value => quote!(#value),
    }
}

fn is_option(field_type: &Type) -> bool {
    matches!(field_type, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Option"))
}

/// Joins the lines of a doc comment to one.
fn documentation(attributes: &[Attribute]) -> Result<String> {
    let mut lines = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        if let Meta::NameValue(doc) = &attribute.meta
            && let Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) = &doc.value
        {
            lines.push(line.value().trim().to_owned());
        } else {
            return Err(Error::new_spanned(attribute, "write the text as a doc comment"));
        }
    }
    lines.retain(|line| !line.is_empty());
    Ok(lines.join(" "))
}

/// Reads `#[properties(check = f)]`.
fn struct_check(attributes: &[Attribute]) -> Result<Option<Expr>> {
    let mut check = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("properties")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("check") {
                return Err(meta.error("is not an attribute of a set of properties"));
            }
            if check.is_some() {
                return Err(meta.error("is there twice"));
            }
            check = Some(meta.value()?.parse()?);
            Ok(())
        })?;
    }
    Ok(check)
}

#[cfg(test)]
mod tests {
    use syn::{DeriveInput, parse_quote};

    use super::expand;

    /// Returns the error of a struct that should not expand.
    fn error(input: &DeriveInput) -> String {
        expand(input).expect_err("a misuse").to_string()
    }

    #[test]
    fn a_misuse_is_an_error_instead_of_being_ignored() {
        let twice = parse_quote!(
            struct S {
                #[property(name = "A", chars = 1, chars = 2)]
                a: String,
            }
        );
        assert_eq!(error(&twice), "is there twice");
        let two = parse_quote!(
            struct S {
                #[property(name = "A")]
                #[property(replaces)]
                a: String,
            }
        );
        assert_eq!(error(&two), "write one `#[property(…)]` with everything in it");
        let also = parse_quote!(
            struct S {
                #[property(name = "A", also = b)]
                a: String,
                b: String,
            }
        );
        assert_eq!(error(&also), "`also` is for `flatten`: a property has one value");
        let checks = parse_quote!(
            #[properties(check = f)]
            #[properties(check = g)]
            struct S {}
        );
        assert_eq!(error(&checks), "is there twice");
        let unknown = parse_quote!(
            struct S {
                #[property(name = "A", names = "B")]
                a: String,
            }
        );
        assert_eq!(error(&unknown), "is not an attribute of a property");
        let neither = parse_quote!(
            struct S {
                #[property(replaces)]
                a: String,
            }
        );
        assert_eq!(error(&neither), "say either `name` or `flatten`");
        let plain = parse_quote!(
            struct S {
                a: String,
            }
        );
        assert_eq!(error(&plain), "say which property this is: `#[property(name = \"…\")]`");
        let undocumented = parse_quote!(
            struct S {
                #[property(name = "A")]
                a: String,
            }
        );
        assert!(error(&undocumented).starts_with("document the property"));
    }

    #[test]
    fn a_group_may_give_the_values_of_two_fields() {
        let input = parse_quote! {
            struct S {
                #[property(flatten = Group, map = split, also = second)]
                first: u8,
                second: u8,
            }
        };
        let code = expand(&input).expect("code").to_string();
        assert!(code.contains("let (first , second) ="), "{code}");
    }
}
