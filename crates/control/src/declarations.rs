//! From the files of a repository to a catalogue: documents read, locks applied, everything compiled.
//!
//! An edit of a document widens no grant: groups are exactly what `groups.lock` says.

use catalog::{
    ApiDeclaration, BasePath, Catalog, CompileCatalogError, Cors, CorsCredentials, Declaring, Document,
    GroupsLock, GroupsLockError, Hosts, Lint, OperationDeclaration, ReadDocumentError, declare,
    read_document,
};
use config::{ApiConfig, ConfigError, Repository};
use model::{Method, VerbClass};

/// A catalogue, and what a person should know about how it came to be.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) catalog: Catalog,
    pub(crate) warnings: Vec<ConfigError>,
}

/// Compiles the catalogue of a whole repository; gives every fault found.
pub(crate) fn declare_all(repository: &Repository) -> Result<Declared, Vec<ConfigError>> {
    let mut errors = Vec::new();
    let mut warnings = Vec::new();
    let mut declarations = Vec::new();
    for api in &repository.apis {
        match declare_api(api, &mut warnings) {
            Ok(declaration) => declarations.push(declaration),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let compiled = Catalog::compile(declarations).map_err(|error| vec![compile_error(repository, &error)])?;
    warnings.extend(compiled.lints.iter().map(|lint| lint_warning(repository, lint)));
    Ok(Declared { catalog: compiled.catalog, warnings })
}

/// The operations of one API as its document declares them, with the groups of `lock`.
pub(crate) fn operations_of(
    api: &ApiConfig,
    lock: &GroupsLock,
    warnings: &mut Vec<ConfigError>,
) -> Result<Vec<OperationDeclaration>, ConfigError> {
    let Some(source) = &api.document else {
        return Ok(Vec::new());
    };
    let document = read_document(&source.bytes).map_err(|error| document_error(&source.path, &error))?;
    let base_path = base_path_of(api)?;
    let settings =
        Declaring { base_path: &base_path, spanning: &api.spanning, hide_existence: &api.hide_existence };
    let (operations, notes) = declare(&document, &settings, lock);
    let at = |file: &str, reason: String, fix: &str| {
        let (file, fix) = (file.to_owned(), fix.to_owned());
        ConfigError { file, line: 0, column: 0, reason, fix }
    };
    for note in document.notes.iter().chain(&notes) {
        // What stands at no place of the document stands in `api.yaml` or in the lock, and names an operation.
        warnings.push(match note.pointer.as_str() {
            "" if note.reason.starts_with("`groups.lock`") => {
                let fix = format!("`sallyport api regroup {}` writes the lock anew", api.name);
                at(api.lock.as_ref().map_or(&api.file, |lock| &lock.path), note.reason.clone(), &fix)
            }
            "" => at(&api.file, note.reason.clone(), "write it as the document or `api show` writes it"),
            pointer => {
                let reason = format!("at `{pointer}`: {}", note.reason);
                at(&source.path, reason, "mend the document, or leave it: the rest is used")
            }
        });
    }
    warnings.extend(unserved(&document, &base_path).map(|other| {
        let reason = format!("the document says that its API is at `{other}` as well, which is not served");
        at(&source.path, reason, "one API has one `base_path`; declare the other as an API of its own")
    }));
    Ok(operations)
}

/// Base paths of a document beside the one that is served; none where that is a choice of its own.
fn unserved<'a>(document: &'a Document, served: &'a BasePath) -> impl Iterator<Item = &'a String> {
    let is_served = |path: &&String| BasePath::parse(path).is_ok_and(|path| path == *served);
    let others = document.base_paths.iter().filter(move |path| !is_served(path));
    others.filter(move |_| document.base_paths.iter().any(|path| is_served(&path)))
}

/// Reads an API's `groups.lock`; without one nothing is in any group.
pub(crate) fn lock_of(api: &ApiConfig) -> Result<GroupsLock, ConfigError> {
    match &api.lock {
        None => Ok(GroupsLock::empty()),
        Some(lock) => {
            let parsed = GroupsLock::parse(&lock.text).map_err(|error| lock_error(&lock.path, &error))?;
            check_names(api, &lock.path, &lock.text, &parsed)?;
            check_verbs(api, &lock.path, &lock.text, &parsed)?;
            Ok(parsed)
        }
    }
}

/// Groups are of the API that the folder is called after; those of another are left where a folder was renamed or copied.
fn check_names(api: &ApiConfig, path: &str, text: &str, lock: &GroupsLock) -> Result<(), ConfigError> {
    let Some(group) = lock.groups.keys().find(|group| !is_of(api.name.as_str(), group.as_str())) else {
        return Ok(());
    };
    let at = text.find(group.as_str()).unwrap_or_default();
    let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
    let (name, other) = (&api.name, group.as_str().split(':').next().unwrap_or_default());
    Err(ConfigError {
        file: path.to_owned(),
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: 1,
        reason: format!("the group `{group}` is none of the API `{name}`"),
        fix: format!(
            "if the API was called `{other}` before, write the lock anew with `sallyport api regroup {name}`; policies and \
             scopes of keys that name `{other}` name nothing any more"
        ),
    })
}

/// Whether a group of this name is one of the API's own: its name, or that, a colon and more.
pub(crate) fn is_of(api: &str, group: &str) -> bool {
    group
        .strip_prefix(api)
        .is_some_and(|rest| rest.is_empty() || rest.strip_prefix(':').is_some_and(|name| !name.is_empty()))
}

/// Whoever grants `orders:read` relies on it holding nothing that writes, however the lock was edited.
fn check_verbs(api: &ApiConfig, path: &str, text: &str, lock: &GroupsLock) -> Result<(), ConfigError> {
    for verb in [VerbClass::Read, VerbClass::Write] {
        let name = format!("{}:{}", api.name, verb.as_str());
        let members =
            lock.groups.iter().filter(|(group, _)| group.as_str() == name).flat_map(|(_, keys)| keys);
        for key in members {
            let method = key.split(' ').next().unwrap_or_default();
            if Method::of_token(method.as_bytes()).verb_class() == verb {
                continue;
            }
            let from = text.find(&name).unwrap_or_default();
            let at = text.get(from..).and_then(|rest| rest.find(key.as_str())).map_or(0, |at| from + at);
            let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
            return Err(ConfigError {
                file: path.to_owned(),
                line: u32::try_from(line).unwrap_or(u32::MAX),
                column: 1,
                reason: format!("`{key}` does not belong into the group `{name}`"),
                fix: format!("take it out, or write the lock anew with `sallyport api regroup {}`", api.name),
            });
        }
    }
    Ok(())
}

fn declare_api(api: &ApiConfig, warnings: &mut Vec<ConfigError>) -> Result<ApiDeclaration, ConfigError> {
    let lock = lock_of(api)?;
    let operations = operations_of(api, &lock, warnings)?;
    Ok(ApiDeclaration {
        name: api.name.clone(),
        hosts: match &api.hosts {
            config::Hosts::Any => Hosts::Any,
            config::Hosts::Listed(hosts) => Hosts::Listed(hosts.clone()),
        },
        base_path: base_path_of(api)?,
        operations,
        cors: api.cors.as_ref().map(cors_of),
    })
}

fn cors_of(cors: &config::Cors) -> Cors {
    Cors {
        origins: cors.origins.clone(),
        headers: cors.headers.clone(),
        credentials: match cors.credentials {
            config::CorsCredentials::Allow => CorsCredentials::Allow,
            config::CorsCredentials::Omit => CorsCredentials::Omit,
        },
        max_age: cors.max_age,
    }
}

pub(crate) fn base_path_of(api: &ApiConfig) -> Result<BasePath, ConfigError> {
    BasePath::parse(&api.base_path).map_err(|error| ConfigError {
        file: api.file.clone(),
        line: 0,
        column: 0,
        reason: format!("`base_path`: {error}"),
        fix: "write a plain path such as /v1".to_owned(),
    })
}

fn document_error(path: &str, error: &ReadDocumentError) -> ConfigError {
    let (line, column) = match error {
        ReadDocumentError::Syntax(syntax) => (place(syntax.line), place(syntax.column)),
        _ => (0, 0),
    };
    ConfigError {
        file: path.to_owned(),
        line,
        column,
        reason: chain(error),
        fix: "give a Swagger 2.0 or OpenAPI 3.0 or 3.1 document as YAML or JSON".to_owned(),
    }
}

fn lock_error(path: &str, error: &GroupsLockError) -> ConfigError {
    let (line, column) = match error {
        GroupsLockError::Syntax(syntax) => (place(syntax.line), place(syntax.column)),
        GroupsLockError::TooLong { .. } | GroupsLockError::Form { .. } => (0, 0),
    };
    ConfigError {
        file: path.to_owned(),
        line,
        column,
        reason: chain(error),
        fix: "restore the file, or write it anew with `sallyport api regroup NAME`".to_owned(),
    }
}

fn compile_error(repository: &Repository, error: &CompileCatalogError) -> ConfigError {
    let name = match error {
        CompileCatalogError::AnyHost { api, .. }
        | CompileCatalogError::NoHosts { api }
        | CompileCatalogError::Origin { api, .. }
        | CompileCatalogError::UnlistedMethod { api, .. } => api.as_str(),
        CompileCatalogError::DuplicateApi { name } => name.as_str(),
        CompileCatalogError::DuplicateOperation { second, .. }
        | CompileCatalogError::SharedPath { second, .. } => second.api(),
        CompileCatalogError::ForeignGroup { operation, .. }
        | CompileCatalogError::OutsideBasePath { operation, .. }
        | CompileCatalogError::Parameters { operation } => operation.api(),
        CompileCatalogError::TooEntangled { apis } => apis.first().map_or("", |api| api.as_str()),
        CompileCatalogError::TooMany => "",
    };
    let file = repository.apis.iter().find(|api| api.name.as_str() == name).map(|api| api.file.clone());
    ConfigError {
        file: file.unwrap_or_else(|| "apis".to_owned()),
        line: 0,
        column: 0,
        reason: chain(error),
        fix: "give the APIs different hosts or paths".to_owned(),
    }
}

fn lint_warning(repository: &Repository, lint: &Lint) -> ConfigError {
    let text = lint.to_string();
    let named = repository.apis.iter().find(|api| text.contains(&format!("`{}:", api.name)));
    let file = named.and_then(|api| api.document.as_ref()).map_or("apis", |document| &document.path);
    ConfigError { file: file.to_owned(), line: 0, column: 0, reason: text, fix: String::new() }
}

fn place(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The error with its causes, in one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::files::Files;

    /// What a repository with this `groups.lock` says when it is checked.
    fn checked(lock: &str) -> Result<(), String> {
        crate::check::check(&files(lock)).map(|_| ()).map_err(|error| error.to_string())
    }

    fn files(lock: &str) -> Files {
        let files = [
            ("sallyport.yaml", "version: 1\n"),
            ("teams.yaml", "version: 1\nteams: { ops: { members: [] } }\n"),
            (
                "apis/orders/api.yaml",
                "version: 1\nhosts: ['*']\nupstream: http://127.0.0.1:9\nowner: ops\nexposure: internal\nmode: enforce\n",
            ),
            (
                "apis/orders/openapi.yaml",
                "openapi: 3.1.0\ninfo: { title: t, version: '1' }\npaths: { /orders: { get: {}, post: {} } }\n",
            ),
            ("apis/orders/groups.lock", lock),
        ];
        files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn what_is_left_out_is_told_where_it_stands() {
        let mut files = files("version: 1\ngroups: {}\n");
        let mut add = |path: &str, text: &str| {
            let file = files.get_mut(path).unwrap();
            file.extend_from_slice(text.as_bytes());
        };
        add(
            "apis/orders/api.yaml",
            "base_path: /v1\nhide_existence: ['GET /order']\nspanning: ['/files/{rest}']\n",
        );
        add("apis/orders/openapi.yaml", "servers: [{ url: /v1 }, { url: /v2 }]\n");
        let warned = |files: &Files| -> Vec<String> {
            let checked = crate::check::check(files).unwrap();
            checked.warnings.iter().map(ToString::to_string).collect()
        };
        let told = warned(&files);
        for expected in [
            "apis/orders/api.yaml: `hide_existence` names `GET /order`, which is not declared; write it as",
            "apis/orders/api.yaml: `spanning` names `/files/{rest}`, which is not declared; write it as",
            "apis/orders/openapi.yaml: the document says that its API is at `/v2` as well, which is not served",
        ] {
            assert!(told.iter().any(|one| one.starts_with(expected)), "{expected}: {told:#?}");
        }
        // Who serves it under another path knows what he does.
        let api = files.get_mut("apis/orders/api.yaml").unwrap();
        let text = String::from_utf8(api.clone()).unwrap().replace("base_path: /v1", "base_path: /shop");
        *api = text.into_bytes();
        let told = warned(&files);
        assert!(!told.iter().any(|one| one.contains("not served")), "{told:#?}");
    }

    #[test]
    fn a_group_of_readers_holds_nothing_that_writes() {
        let lock = |read: &str, write: &str| {
            format!(
                "version: 1\ngroups:\n  \"orders:read\":\n    - \"{read}\"\n  \"orders:write\":\n    - \"{write}\"\n"
            )
        };
        assert_eq!(checked(&lock("GET /orders", "POST /orders")), Ok(()));
        let refused = checked(&lock("POST /orders", "POST /orders")).unwrap_err();
        assert!(refused.contains("groups.lock:4:1: `POST /orders` does not belong"), "{refused}");
        let refused = checked(&lock("GET /orders", "GET /orders")).unwrap_err();
        assert!(refused.contains("groups.lock:6:1: `GET /orders` does not belong"), "{refused}");
    }
}
