//! The Cedar schema, written from the catalogue and the directory.
//!
//! One text serves people (`sallyport schema`) and the validator. Every name goes in through [`quoted`]: a quote,
//! a backtick or a line break in a name stays inside its string (security case 91).

use std::collections::BTreeSet;
use std::fmt::Write;

use catalog::{Catalog, PathParameter};

use crate::source::Directory;

/// The groups that every API has, whether or not an operation is in them.
pub(crate) fn built_in_groups(api: &str) -> [String; 3] {
    [api.to_owned(), format!("{api}:read"), format!("{api}:write")]
}

/// Every group that a policy may name.
pub(crate) fn groups(catalog: &Catalog) -> BTreeSet<String> {
    let built_in = catalog.apis().iter().flat_map(|api| built_in_groups(api.name.as_str()));
    let declared = catalog.operations().iter().flat_map(|operation| operation.groups.iter());
    built_in.chain(declared.map(|group| group.as_str().to_owned())).collect()
}

/// The whole schema, with a comment per type.
pub(crate) fn text(catalog: &Catalog, directory: &Directory) -> String {
    let mut out = String::from(
        "// The schema of this gateway's policies, written from the catalogue and the directory.\n\
         // What a condition reads must be in here; what is marked `?` needs `has` before it is read.\n\n",
    );
    write_types(&mut out, directory);
    out.push_str(
        "// Groups of operations: `action in Action::\"NAME\"`. Membership is what `groups.lock` says.\n",
    );
    for group in groups(catalog) {
        write_group(&mut out, &group);
    }
    out.push_str("\n// Operations: `action == Action::\"API:METHOD /path\"`.\n");
    for operation in catalog.operations() {
        let groups = operation.groups.iter().map(|group| group.as_str());
        write_operation(&mut out, operation.id.as_str(), groups, &operation.parameters);
    }
    out
}

/// Entity types and the record of a user.
pub(crate) fn write_types(out: &mut String, directory: &Directory) {
    out.push_str(
        "// A team of `teams.yaml`.\n\
         entity Team;\n\n\
         // A client that owns own keys; `NAMESPACE:ID` is one that an issuer of tokens or an API knows. Its attributes are declared in `sallyport.yaml`.\n\
         entity Application in [Team]",
    );
    if !directory.attributes.is_empty() {
        out.push_str(" {\n");
        for (name, kind) in &directory.attributes {
            line(out, format_args!("  {}?: {},", quoted(name), kind.as_str()));
        }
        out.push('}');
    }
    out.push_str(
        ";\n\n\
         // A machine known by its workload identity.\n\
         entity Workload in [Team];\n\n\
         // Whoever presented nothing that identifies anyone: `Anonymous::\"anonymous\"`.\n\
         entity Anonymous enum [\"anonymous\"];\n\n\
         // The API that an operation belongs to. `exposure`: public, partner, internal or third-party;\n\
         // `dataClass`: public, internal, confidential or restricted.\n\
         entity Api {\n  exposure: String,\n  dataClass: String,\n};\n\n\
         // The user on whose behalf the client acts, by the word of the access token's issuer.\n\
         type User = {\n  \
           // The issuer's name in `sallyport.yaml`; two issuers' users are never the same.\n  \
           issuer: String,\n  name: String,\n  \
           // What the issuer says, not `teams.yaml`.\n  \
           teams: Set<String>,\n",
    );
    for (name, kind) in &directory.user_attributes {
        line(out, format_args!("  {}?: {},", quoted(name), kind.as_str()));
    }
    out.push_str("};\n\n");
}

/// A group, which is an action that no request has.
pub(crate) fn write_group(out: &mut String, name: &str) {
    line(out, format_args!("action {};", quoted(name)));
}

/// An operation with the context of its requests.
pub(crate) fn write_operation<'a>(
    out: &mut String,
    id: &str,
    groups: impl Iterator<Item = &'a str>,
    parameters: &[PathParameter],
) {
    let groups: Vec<_> = groups.map(quoted).collect();
    let membership = if groups.is_empty() { String::new() } else { format!(" in [{}]", groups.join(", ")) };
    line(out, format_args!("action {}{membership} appliesTo {{", quoted(id)));
    out.push_str("  principal: [Application, Workload, Anonymous],\n  resource: [Api],\n  context: {\n");
    if parameters.is_empty() {
        out.push_str("    params: {},\n");
    } else {
        out.push_str("    params: {\n");
        for parameter in parameters {
            line(out, format_args!("      {}: {},", quoted(&parameter.name), parameter.kind.as_str()));
        }
        out.push_str("    },\n");
    }
    out.push_str(
        "    strength: Long, // 0 anonymous, 1 claimed, 2 shared secret, 3 verified signature, 4 bound\n    \
         sourceIp?: ipaddr, // absent when the client's address cannot be known\n    \
         now: datetime,\n    \
         scopes: Set<String>, // of the credential\n    \
         mfa: Bool, // whether the user's token says that several factors were used\n    \
         authAge?: Long, // seconds since the user signed in, where the token says when\n    \
         user?: User,\n  }\n};\n",
    );
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a `String` does not fail.
    let _written = out.write_fmt(text);
    out.push('\n');
}

/// A string literal of Cedar. Rust's escapes for control characters, quotes and backslashes are Cedar's.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for character in text.chars() {
        match character {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            plain if plain.is_ascii() && !plain.is_ascii_control() => literal.push(plain),
            other => literal.extend(other.escape_unicode()),
        }
    }
    literal.push('"');
    literal
}
