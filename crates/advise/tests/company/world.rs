//! The company of the generator as catalogue, policies and directory.

use std::collections::BTreeMap;
use std::sync::Arc;

use advise::{ApiFacts, CallFacts, Directory, KeyStanding, KeyState, World};
use catalog::{
    ApiDeclaration, AskedScopes, BasePath, Catalog, Hosts, Lifecycle, OperationDeclaration, ParameterKind,
    PathParameter, Spanning, Template, Visibility, built_in_groups,
};
use model::{
    ApiName, Application, ApplicationName, DataClass, Exposure, GroupName, HostName, KeyId, Method, Network,
    TeamName, Timestamp,
};
use policy::{Policies, PolicySource, ValidationCache, compile};
use testkit::company::{Api, Client, Company, Standing};

/// Who and what there is, as the store and the files would have it.
pub(crate) struct Made {
    pub(crate) catalog: Catalog,
    directory: policy::Directory,
    applications: BTreeMap<String, Arc<Application>>,
    keys: BTreeMap<KeyId, KeyStanding>,
    apis: BTreeMap<String, ApiFacts>,
    pub(crate) blocked: Vec<Network>,
    pub(crate) open_team: Option<&'static str>,
}

impl Made {
    pub(crate) fn of(company: &Company) -> Self {
        let declarations = company.apis.iter().map(declaration).collect();
        let with_keys = company.clients.iter().filter(|client| client.standing == Standing::Keys);
        let keys = company.keys.iter().map(|key| {
            let state = key.stopped.map_or(KeyState::Sound, |why| KeyState::Stopped(why.to_owned()));
            let standing = KeyStanding {
                application: company.clients[key.client].name.clone(),
                scopes: key.scopes.clone(),
                state,
                created: Timestamp::from_seconds(0),
            };
            (KeyId::parse(key.id.as_bytes()).unwrap(), standing)
        });
        let apis = company.apis.iter().map(|api| {
            let facts = ApiFacts { owner: api.owner.clone(), data_class: data_class(api) };
            (api.name.clone(), facts)
        });
        Self {
            catalog: Catalog::compile(declarations).unwrap().catalog,
            directory: policy::Directory {
                teams: company.teams.iter().map(|team| TeamName::parse(team).unwrap()).collect(),
                attributes: BTreeMap::new(),
                user_attributes: BTreeMap::new(),
                apis: company
                    .apis
                    .iter()
                    .map(|api| policy::ApiFacts { exposure: Exposure::Partner, data_class: data_class(api) })
                    .collect(),
            },
            applications: with_keys.map(|client| (client.name.clone(), application(client))).collect(),
            keys: keys.collect(),
            apis: apis.collect(),
            blocked: Vec::new(),
            open_team: None,
        }
    }

    /// Compiles grants as a publish would.
    pub(crate) fn compile(&self, text: &str) -> Policies {
        let source = PolicySource { path: "policies/suggested.cedar".to_owned(), text: text.to_owned() };
        match compile(&[source], &self.catalog, &self.directory, &mut ValidationCache::new()) {
            Ok(compiled) => compiled.policies,
            Err(error) => panic!("{error}\n{:#?}", error.diagnostics),
        }
    }
}

pub(crate) fn application(client: &Client) -> Arc<Application> {
    Arc::new(Application {
        name: ApplicationName::parse_any(&client.name).unwrap(),
        team: TeamName::parse(&client.team).unwrap(),
        attributes: BTreeMap::new(),
        version: 0,
    })
}

fn data_class(api: &Api) -> DataClass {
    if api.is_restricted { DataClass::Restricted } else { DataClass::Internal }
}

fn asked(operation: &testkit::company::Operation) -> AskedScopes {
    AskedScopes::one_of(vec![operation.scopes.iter().map(|scope| scope.as_str().into()).collect()])
}

fn declaration(api: &Api) -> ApiDeclaration {
    let name = ApiName::parse(&api.name).unwrap();
    let operations = api.operations.iter().map(|operation| {
        let method = Method::of_token(operation.method.as_bytes());
        let template = Template::parse(&operation.path, Spanning::AsWritten).unwrap();
        let kind = ParameterKind::String;
        let parameters =
            template.parameters().map(|name| PathParameter { name: name.to_owned(), kind }).collect();
        let groups: Vec<GroupName> =
            built_in_groups(&name, method.verb_class()).into_iter().flatten().collect();
        OperationDeclaration {
            method,
            template,
            parameters,
            groups,
            lifecycle: Lifecycle::Active,
            visibility: Visibility::Shown,
            operation_id: None,
            summary: None,
            scopes: asked(operation),
        }
    });
    ApiDeclaration {
        operations: operations.collect(),
        hosts: Hosts::Listed(vec![HostName::parse(&format!("{name}.example.com")).unwrap()]),
        base_path: BasePath::root(),
        cors: None,
        name,
    }
}

impl Directory for Made {
    fn application(&self, name: &str) -> Option<Arc<Application>> {
        self.applications.get(name).map(Arc::clone)
    }

    fn scopes(&self, key: KeyId) -> Option<Vec<String>> {
        self.keys.get(&key).map(|key| key.scopes.clone())
    }
}

impl World for Made {
    fn key(&self, id: KeyId) -> Option<KeyStanding> {
        self.keys.get(&id).cloned()
    }

    fn active_keys(&self) -> Vec<(KeyId, KeyStanding)> {
        let sound = self.keys.iter().filter(|(_, key)| key.state == KeyState::Sound);
        sound.map(|(id, key)| (*id, key.clone())).collect()
    }

    fn applications(&self) -> Vec<Arc<Application>> {
        self.applications.values().map(Arc::clone).collect()
    }

    fn is_open(&self, team: &str) -> bool {
        self.open_team == Some(team)
    }

    fn is_in_good_standing(&self, caller: &str) -> bool {
        let name = caller.strip_prefix("app:").unwrap_or_default();
        name.starts_with("corp:") || self.applications.contains_key(name)
    }

    fn is_blocked(&self, facts: &CallFacts) -> bool {
        self.blocked.iter().any(|network| facts.network.may_be_of(network))
    }

    fn api(&self, name: &str) -> Option<ApiFacts> {
        self.apis.get(name).cloned()
    }
}
