//! From the tree of a document to its operations and notes.

use std::collections::BTreeMap;

use model::Method;

use super::media;
use super::reference::{Placed, child, follow, shown};
use super::security::Security;
use super::{DeclaredOperation, Document, Note, QueryParameter, ReadDocumentError};
use crate::tree::Tree;
use crate::{AskedScopes, BasePath, Lifecycle, ParameterKind, PathParameter, Spanning, Template};

/// The most notes that are kept; then one says that there are more.
pub(super) const NOTES_MAX: usize = 1_000;
/// The most operations that one document may declare.
pub(super) const OPERATIONS_MAX: usize = 100_000;
/// The most parameters that are looked at in one document, each time that an operation has them.
const PARAMETERS_MAX: usize = 2_000_000;
/// The longest texts (titles, summaries, ids) that are kept, in characters.
const TEXT_MAX: usize = 500;

const METHODS: [(&str, Method); 8] = [
    ("delete", Method::Delete),
    ("get", Method::Get),
    ("head", Method::Head),
    ("options", Method::Options),
    ("patch", Method::Patch),
    ("post", Method::Post),
    ("put", Method::Put),
    ("trace", Method::Trace),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    OpenApi,
    Swagger,
}

/// Reads a tree.
pub(super) fn read(root: &Tree) -> Result<Document, ReadDocumentError> {
    let (format, version) = version(root)?;
    let mut reader = Reader {
        root,
        format,
        notes: Vec::new(),
        operations: Vec::new(),
        parameters: 0,
        security: Security::of(root, schemes(root, format)),
    };
    reader.note_security();
    let title = root.get("info").and_then(|info| info.get("title")).and_then(Tree::as_text).unwrap_or("");
    let api_version = match root.get("info").and_then(|info| info.get("version")) {
        Some(Tree::Text(text) | Tree::Number(text)) => short(text),
        _ => String::new(),
    };
    let hosts = hosts(root, format);
    let base_paths = match format {
        Format::OpenApi => reader.servers(),
        Format::Swagger => reader.base_path(),
    };
    reader.paths();
    let Reader { notes, operations, .. } = reader;
    Ok(Document { version, title: short(title), api_version, hosts, base_paths, operations, notes })
}

fn version(root: &Tree) -> Result<(Format, String), ReadDocumentError> {
    let text = |key| match root.get(key) {
        Some(Tree::Text(text) | Tree::Number(text)) => Some(text.as_str()),
        _ => None,
    };
    let (format, version) = match (text("swagger"), text("openapi")) {
        (Some(version), None) => (Format::Swagger, version),
        (None, Some(version)) => (Format::OpenApi, version),
        (None, None) | (Some(_), Some(_)) => return Err(ReadDocumentError::UnknownVersion),
    };
    let supported = match format {
        Format::OpenApi => ["3.0", "3.1"].iter().any(|minor| {
            version.strip_prefix(minor).is_some_and(|patch| patch.is_empty() || patch.starts_with('.'))
        }),
        Format::Swagger => version == "2.0",
    };
    if supported {
        Ok((format, version.to_owned()))
    } else {
        Err(ReadDocumentError::UnsupportedVersion { version: shown(version) })
    }
}

struct Reader<'a> {
    root: &'a Tree,
    format: Format,
    notes: Vec<Note>,
    operations: Vec<DeclaredOperation>,
    /// How many parameters have been looked at.
    parameters: usize,
    security: Security,
}

impl<'a> Reader<'a> {
    fn note(&mut self, pointer: impl Into<String>, reason: impl Into<String>) {
        match self.notes.len() {
            NOTES_MAX => {
                let reason = "there are more notes than are kept".to_owned();
                self.notes.push(Note { pointer: String::new(), reason });
            }
            length if length < NOTES_MAX => {
                self.notes.push(Note { pointer: pointer.into(), reason: reason.into() });
            }
            _ => {}
        }
    }

    fn base_path(&mut self) -> Vec<String> {
        match self.root.get("basePath") {
            None => vec!["/".to_owned()],
            Some(Tree::Text(text)) => match BasePath::parse(text) {
                Ok(base) => vec![base.to_string()],
                Err(error) => {
                    self.note("/basePath", format!("`{}` is not used: {error}", shown(text)));
                    Vec::new()
                }
            },
            Some(_) => {
                self.note("/basePath", "is not a text");
                Vec::new()
            }
        }
    }

    fn servers(&mut self) -> Vec<String> {
        let servers = match self.root.get("servers") {
            None => return vec!["/".to_owned()],
            Some(Tree::List(servers)) if servers.is_empty() => return vec!["/".to_owned()],
            Some(Tree::List(servers)) => servers,
            Some(_) => {
                self.note("/servers", "is not a list");
                return Vec::new();
            }
        };
        let mut paths: Vec<String> = Vec::new();
        for (place, server) in servers.iter().enumerate() {
            match server_path(server) {
                Ok(path) if paths.contains(&path) => {}
                Ok(path) => paths.push(path),
                Err(reason) => self.note(format!("/servers/{place}"), reason),
            }
        }
        paths
    }

    fn paths(&mut self) {
        let paths = match self.root.get("paths") {
            Some(Tree::Map(paths)) => paths,
            Some(_) => return self.note("/paths", "is not a map of paths"),
            // OpenAPI 3.1 permits documents that only hold components.
            None => return self.note("", "the document has no `paths`"),
        };
        for (path, item) in paths {
            if path.starts_with("x-") {
                continue;
            }
            let pointer = child("/paths", path);
            match Template::parse(path, Spanning::AsWritten) {
                Ok(template) => self.path_item(path, &template, Placed { value: item, pointer }),
                Err(error) => self.note(pointer, format!("the path cannot be used: {error}")),
            }
        }
    }

    fn path_item(&mut self, path: &str, template: &Template, item: Placed<'a>) {
        let pointer = item.pointer.clone();
        // What stands beside a `$ref` comes before what stands behind it.
        let layers = match follow(self.root, item.clone()) {
            Ok(layers) => layers,
            Err(reason) => {
                self.note(pointer, reason);
                vec![item]
            }
        };
        for layer in &layers {
            let Tree::Map(entries) = layer.value else {
                return self.note(&layer.pointer, "is not a map of operations");
            };
            for key in entries.keys() {
                let known = METHODS.iter().any(|(name, _)| name == key)
                    || ["$ref", "description", "parameters", "summary"].contains(&key.as_str())
                    || key.starts_with("x-");
                if key == "servers" {
                    self.note(
                        child(&layer.pointer, key),
                        "is not used: every path lies under the API's base path",
                    );
                } else if !known {
                    self.note(
                        child(&layer.pointer, key),
                        "is neither a method nor anything else that is known",
                    );
                }
            }
        }
        let layered = |key: &str| layers.iter().find_map(|layer| layer.get(key));
        let shared = layered("parameters");
        for (name, method) in METHODS {
            if let Some(operation) = layered(name) {
                self.operation(path, template, method, &operation, shared.as_ref());
            }
        }
    }

    fn operation(
        &mut self,
        path: &str,
        template: &Template,
        method: Method,
        operation: &Placed<'a>,
        shared: Option<&Placed<'a>>,
    ) {
        if OPERATIONS_MAX <= self.operations.len() {
            return self
                .note(&operation.pointer, format!("is not read: there are {OPERATIONS_MAX} before it"));
        }
        let Tree::Map(entries) = operation.value else {
            return self.note(&operation.pointer, "is not an operation");
        };
        if entries.contains_key("servers") {
            self.note(
                child(&operation.pointer, "servers"),
                "is not used: every path lies under the API's base path",
            );
        }
        let lifecycle = match entries.get("deprecated") {
            Some(Tree::Bool(true)) => Lifecycle::Deprecated,
            None | Some(Tree::Bool(false)) => Lifecycle::Active,
            Some(_) => {
                self.note(child(&operation.pointer, "deprecated"), "is neither true nor false");
                Lifecycle::Active
            }
        };
        let mut declared = Parameters::default();
        let own = operation.get("parameters");
        for list in [shared, own.as_ref()].into_iter().flatten() {
            self.parameters(list, template, &mut declared);
        }
        let Parameters { kinds, query } = declared;
        let parameters = template.parameters().map(|name| {
            let kind = kinds.get(name).copied();
            PathParameter { name: name.to_owned(), kind: kind.unwrap_or(ParameterKind::String) }
        });
        let parameters: Vec<PathParameter> = parameters.collect();
        for parameter in parameters.iter().filter(|parameter| !kinds.contains_key(&parameter.name)) {
            let reason =
                format!("the parameter `{}` is not declared; it is taken as a string", parameter.name);
            self.note(&operation.pointer, reason);
        }
        let types = match self.format {
            Format::OpenApi => media::of_content(self.root, operation),
            Format::Swagger => media::of_lists(self.root, operation.value),
        };
        let scopes = self.scopes(operation);
        let text = |key: &str| entries.get(key).and_then(Tree::as_text).map(short);
        self.operations.push(DeclaredOperation {
            method,
            path: path.to_owned(),
            operation_id: text("operationId"),
            summary: text("summary"),
            lifecycle,
            parameters,
            query: query.into_iter().map(|(name, required)| QueryParameter { name, required }).collect(),
            answers: match entries.get("responses") {
                Some(Tree::Map(answers)) => answers.keys().map(|key| short(key)).collect(),
                _ => Vec::new(),
            },
            request_types: types.taken,
            answer_types: types.answered,
            scopes,
            pointer: operation.pointer.clone(),
        });
    }

    /// The scopes that an operation asks for; its own list replaces that of the document, also where it is empty.
    fn scopes(&mut self, operation: &Placed<'a>) -> AskedScopes {
        let of_document = || {
            let value = self.root.get("security")?;
            Some(Placed { value, pointer: "/security".to_owned() })
        };
        let Some(list) = operation.get("security").or_else(of_document) else { return AskedScopes::none() };
        let asked = self.security.asked(&list);
        self.note_security();
        asked
    }

    fn note_security(&mut self) {
        for note in self.security.take_notes() {
            self.note(note.pointer, note.reason);
        }
    }

    /// Adds the path parameters of a list; later ones replace earlier ones of the same name.
    fn parameters(&mut self, list: &Placed<'a>, template: &Template, declared: &mut Parameters) {
        let Tree::List(items) = list.value else {
            return self.note(&list.pointer, "is not a list of parameters");
        };
        for (place, value) in items.iter().enumerate() {
            self.parameters += 1;
            if PARAMETERS_MAX < self.parameters {
                return self.note(&list.pointer, "is not read: the document has too many parameters");
            }
            let pointer = format!("{}/{place}", list.pointer);
            match self.parameter(Placed { value, pointer: pointer.clone() }) {
                Ok(None) => {}
                Ok(Some(Parameter::Query(name, required))) => {
                    declared.query.insert(name, required);
                }
                Ok(Some(Parameter::Path(name, kind))) if template.parameters().any(|known| known == name) => {
                    declared.kinds.insert(name, kind);
                }
                Ok(Some(Parameter::Path(name, _))) => {
                    self.note(pointer, format!("the path has no parameter `{}`", shown(&name)));
                }
                Err(reason) => self.note(pointer, reason),
            }
        }
    }

    /// A parameter of path or query; `None` for one that is elsewhere.
    fn parameter(&self, start: Placed<'a>) -> Result<Option<Parameter>, String> {
        let Some(parameter) = follow(self.root, start)?.pop() else {
            return Ok(None);
        };
        let text = |key: &str| parameter.value.get(key).and_then(Tree::as_text);
        match text("in") {
            Some("path") => {}
            Some("query") => {
                let required = parameter.value.get("required") == Some(&Tree::Bool(true));
                return Ok(text("name").map(|name| Parameter::Query(short(name), required)));
            }
            Some("body" | "cookie" | "formData" | "header") => return Ok(None),
            Some(place) => return Err(format!("nothing can be in `{}`", shown(place))),
            None => return Err("is not a parameter: `in` is missing".to_owned()),
        }
        let name = text("name").ok_or("the parameter has no name")?;
        let name = name.strip_suffix('*').unwrap_or(name).to_owned();
        let schema = match self.format {
            Format::Swagger => Some(parameter),
            Format::OpenApi => match parameter.get("schema") {
                Some(schema) => follow(self.root, schema)?.pop(),
                None => None,
            },
        };
        let kind =
            schema.as_ref().and_then(|schema| schema.value.get("type")).map_or(ParameterKind::String, kind);
        Ok(Some(Parameter::Path(name, kind)))
    }
}

/// A parameter as it is declared.
enum Parameter {
    Path(String, ParameterKind),
    /// The name, and whether it is required.
    Query(String, bool),
}

/// The parameters of an operation; later ones replace earlier ones of the same name.
#[derive(Default)]
struct Parameters {
    kinds: BTreeMap<String, ParameterKind>,
    query: BTreeMap<String, bool>,
}

/// Where the schemes of credentials are.
fn schemes(root: &Tree, format: Format) -> Option<Placed<'_>> {
    let place = |value, pointer: &str| Placed { value, pointer: pointer.to_owned() };
    match format {
        Format::OpenApi => {
            let value = root.get("components")?.get("securitySchemes")?;
            Some(place(value, "/components/securitySchemes"))
        }
        Format::Swagger => Some(place(root.get("securityDefinitions")?, "/securityDefinitions")),
    }
}

/// The hosts that a document names.
fn hosts(root: &Tree, format: Format) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    let mut add = |host: &str| {
        let host = host.to_ascii_lowercase();
        if !host.is_empty() && !host.contains(['@', ' ', '{']) && !hosts.contains(&host) {
            hosts.push(short(&host));
        }
    };
    match (format, root.get("servers")) {
        (Format::Swagger, _) => add(root.get("host").and_then(Tree::as_text).unwrap_or("")),
        (Format::OpenApi, Some(Tree::List(servers))) => {
            for url in servers.iter().filter_map(|server| filled(server).ok()) {
                let authority = url.split_once("//").map_or("", |(_, rest)| rest);
                add(authority.split(['/', '?', '#']).next().unwrap_or(""));
            }
        }
        (Format::OpenApi, _) => {}
    }
    hosts
}

/// The type of a schema; of several only one that stands alone, beside null, counts.
fn kind(declared: &Tree) -> ParameterKind {
    let name = match declared {
        Tree::List(names) => {
            let mut names = names.iter().filter_map(Tree::as_text).filter(|name| *name != "null");
            match (names.next(), names.next()) {
                (Some(name), None) => Some(name),
                _ => None,
            }
        }
        Tree::Bool(_) | Tree::Map(_) | Tree::Null | Tree::Number(_) | Tree::Skimmed | Tree::Text(_) => {
            declared.as_text()
        }
    };
    match name {
        Some("boolean") => ParameterKind::Bool,
        Some("integer") => ParameterKind::Long,
        _ => ParameterKind::String,
    }
}

/// A server's URL, the defaults of its variables put in.
fn filled(server: &Tree) -> Result<String, String> {
    let url = server.get("url").and_then(Tree::as_text).ok_or("the server has no `url`")?;
    let mut filled = String::new();
    let mut rest = url;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("a brace is not closed")?;
        let variable = server.get("variables").and_then(|variables| variables.get(name));
        let default = variable.and_then(|variable| variable.get("default"));
        let Some(Tree::Text(default) | Tree::Number(default)) = default else {
            return Err(format!("the variable `{}` has no default", shown(name)));
        };
        filled.push_str(before);
        filled.push_str(default);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The path of a server's URL.
fn server_path(server: &Tree) -> Result<String, String> {
    let filled = filled(server)?;
    let path = match filled.split_once("://") {
        Some((_, authority)) => authority.find('/').map_or("", |at| authority.get(at..).unwrap_or("")),
        None => &filled,
    };
    match BasePath::parse(path) {
        Ok(base) => Ok(base.to_string()),
        Err(error) => Err(format!("`{}` is not used: {error}", shown(path))),
    }
}

pub(super) fn short(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}
