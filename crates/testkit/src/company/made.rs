//! The company's parts: APIs, clients with their needs, and keys with the scopes that somebody gave them.

use std::collections::BTreeSet;

use super::{
    Api, Client, Company, Credentials, Dice, Documents, Key, Needs, Operation, Place, Scopes, Shape, Standing,
};

const NAMES: [&str; 16] = [
    "orders", "billing", "users", "stock", "search", "media", "reports", "mail", "carts", "prices", "routes",
    "claims", "ledger", "audit", "events", "plans",
];
const THINGS: [&str; 8] = ["items", "notes", "events", "lines", "files", "tags", "states", "links"];

pub(super) fn company(shape: Shape, dice: &mut Dice) -> Company {
    let apis: Vec<Api> = (0..shape.apis).map(|number| api(shape, number, dice)).collect();
    let teams: Vec<String> = (0..shape.teams).map(|number| format!("team-{number}")).collect();
    let mut company = Company {
        shape,
        apis,
        teams,
        clients: Vec::new(),
        keys: Vec::new(),
        learning: Vec::new(),
        held_out: Vec::new(),
    };
    for number in 0..shape.clients {
        let client = client(&company, number, dice);
        company.clients.push(client);
    }
    company
}

fn api(shape: Shape, number: usize, dice: &mut Dice) -> Api {
    let name = NAMES.get(number).map_or_else(|| format!("api-{number}"), |name| (*name).to_owned());
    let (least, most) = shape.operations;
    let count = usize::try_from(dice.between(least as u64, most as u64)).unwrap_or(least);
    let mut operations = Vec::new();
    for place in 0..count {
        let thing = THINGS[place % THINGS.len()];
        let group = place / (2 * THINGS.len());
        let path = if place % 2 == 0 {
            format!("/{name}/{thing}{group}-{place}")
        } else {
            format!("/{name}/{thing}{group}-{place}/{{id}}")
        };
        // Two in three read.
        let method = ["GET", "GET", "POST", "GET", "GET", "PUT", "GET", "DELETE", "GET"][dice.place(9)];
        let class = if method == "GET" { "read" } else { "write" };
        let scopes = match shape.documents {
            // Some are for anybody.
            Documents::AskScopes if dice.percent(90) => vec![format!("{name}.{class}")],
            Documents::AskScopes | Documents::Silent => Vec::new(),
        };
        operations.push(Operation { method, path, scopes });
    }
    let owner = format!("team-{}", number % shape.teams.max(1));
    Api { name, owner, is_restricted: shape.sensitive && number % 3 == 1, operations }
}

fn client(company: &Company, number: usize, dice: &mut Dice) -> Client {
    let shape = company.shape;
    let team = number % shape.teams.max(1);
    let needs = match (shape.needs, company.clients.get(team)) {
        (Needs::OfTeam, Some(first)) => first.needs.clone(),
        (Needs::Few | Needs::Own | Needs::OfTeam, _) => needs(company, dice),
    };
    let is_token = shape.credentials == Credentials::Mixed && number % 5 == 3;
    Client {
        name: if is_token { format!("corp:service-{number}") } else { format!("app-{number}") },
        team: company.teams[team].clone(),
        needs,
        standing: if is_token { Standing::Token } else { Standing::Keys },
        is_late: shape.needs == Needs::Own && number % 11 == 7,
        scopes: Vec::new(),
        rare: BTreeSet::new(),
    }
}

/// One operation or two, or some operations of one to three APIs; now and then all reads of one.
fn needs(company: &Company, dice: &mut Dice) -> BTreeSet<Place> {
    let mut needs = BTreeSet::new();
    if company.shape.needs == Needs::Few {
        let api = dice.place(company.apis.len());
        let operations = company.apis[api].operations.len();
        needs.extend((0..2).map(|_| (api, dice.place(operations))));
        return needs;
    }
    for _api in 0..dice.between(1, 3) {
        let api = dice.place(company.apis.len());
        let operations = &company.apis[api].operations;
        if dice.percent(15) {
            let reads = operations.iter().enumerate().filter(|(_, operation)| operation.reads());
            needs.extend(reads.map(|(place, _)| (api, place)));
        } else {
            needs.extend((0..dice.between(2, 8)).map(|_| (api, dice.place(operations.len()))));
        }
    }
    needs
}

/// A key with what its client needs: the scopes of `declared` by themselves, others by their groups or by themselves.
pub(super) fn key(
    company: &mut Company,
    client: usize,
    declared: &BTreeSet<Place>,
    dice: &mut Dice,
) -> usize {
    let mut scopes = BTreeSet::new();
    for place in &company.clients[client].needs {
        let api = &company.apis[place.0];
        let is_exact = company.shape.scopes == Scopes::Exact || declared.contains(place);
        let class = if api.operations[place.1].reads() { "read" } else { "write" };
        scopes.insert(if is_exact { company.id(*place) } else { format!("{}:{class}", api.name) });
    }
    company.keys.push(Key { id: key_id(dice), client, scopes: scopes.into_iter().collect(), stopped: None });
    company.keys.len() - 1
}

fn key_id(dice: &mut Dice) -> String {
    const LETTERS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    (0..12).map(|_| char::from(LETTERS[dice.place(LETTERS.len())])).collect()
}

/// Has the documents ask for a scope of its own where something is hardly ever called, or for one that another operation
/// asks for as well; then gives each client whom tokens show what it needs, and so what else its scopes are good for.
pub(super) fn documents(company: &mut Company, dice: &mut Dice) {
    if company.shape.documents == Documents::Silent {
        return;
    }
    let rare: BTreeSet<Place> = company.clients.iter().flat_map(|client| client.rare.clone()).collect();
    for (api, place) in rare {
        let operations = &mut company.apis[api].operations;
        let scope = format!("{}.only-{place}", operations[place].path);
        if dice.percent(25) {
            let other = dice.place(operations.len());
            operations[other].scopes = vec![scope.clone()];
        }
        operations[place].scopes = vec![scope];
    }
    for number in 0..company.clients.len() {
        if company.clients[number].standing == Standing::Token {
            let needs = company.clients[number].needs.iter();
            let scopes = needs.flat_map(|(api, place)| company.apis[*api].operations[*place].scopes.clone());
            let scopes: BTreeSet<String> = scopes.collect();
            company.clients[number].scopes = scopes.into_iter().collect();
        }
    }
}
