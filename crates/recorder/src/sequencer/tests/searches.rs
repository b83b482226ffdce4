//! What an incident asks the log: whose key, from where, about which object, and what came before that.

use std::net::IpAddr;

use model::{KeyId, Network};
use record::{ClientRef, ParamKey, ParamRef};

use super::*;
use crate::reader::search::ParamIs;

fn key(text: &str) -> KeyId {
    KeyId::parse(text.as_bytes()).unwrap()
}

/// Requests of two keys from three addresses about two objects: number, key, address, object.
const REQUESTS: [(u64, &str, &str, &str); 5] = [
    (10, "aaaaaaaaaaaa", "127.0.0.5", "77"),
    (11, "aaaaaaaaaaaa", "127.1.0.9", "77"),
    (12, "bbbbbbbbbbbb", "127.1.0.9", "78"),
    (14, "aaaaaaaaaaaa", "::ffff:127.1.0.10", "78"),
    (15, "bbbbbbbbbbbb", "2001:db8::1", "77"),
];

fn asked() -> (MemoryDisk, ParamKey) {
    let (mut rig, params) = (rig(), ParamKey::new([9; 16]));
    for (number, presented, address, object) in REQUESTS {
        let address: IpAddr = address.parse().unwrap();
        let hashed = [
            ("orderId", ParamRef::Hashed(params.hash("orderId", object.as_bytes()))),
            ("region", ParamRef::Text("eu")),
        ];
        let personal = Personal {
            client: ClientRef::Application("shop"),
            team: Some(if presented.starts_with('a') { "partners" } else { "guests" }),
            user: Some("corp/ada"),
            key: Some(key(presented)),
            source_ip: Some(address),
            params: &hashed,
            ..Personal::UNKNOWN
        };
        let request = Decided { personal, ..decided(number, "shop", rig.clock.now()) };
        drop(rig.worker.decided(&request, Durability::Counted));
        rig.worker.completed(&completed(number, rig.clock.now()));
    }
    rig.settle();
    (rig.close(), params)
}

#[test]
fn a_search_asks_for_key_network_team_user_and_object() {
    let (disk, params) = asked();
    let reader = reader(&disk);
    let found = |filter: Filter| {
        let entries = reader.search(&filter).unwrap().map(|entry| entry.unwrap().leaf().unwrap().id());
        let ids: Vec<_> = entries.collect();
        REQUESTS.iter().map(|request| request.0).filter(|number| ids.contains(&Some(id(*number)))).collect()
    };
    let check = |filter: Filter, expected: &[u64]| {
        let numbers: Vec<u64> = found(filter.clone());
        assert_eq!(numbers, expected, "{filter:?}");
    };
    let network = |text: &str| Filter { network: Some(Network::parse(text).unwrap()), ..Filter::default() };
    let param = |name: &str, value: &str| {
        let hash = params.hash(name, value.as_bytes());
        let param = ParamIs { name: name.to_owned(), value: value.to_owned(), hash };
        Filter { param: Some(param), ..Filter::default() }
    };
    let stolen = Filter { key: Some(key("aaaaaaaaaaaa")), ..Filter::default() };
    check(stolen.clone(), &[10, 11, 14]);
    check(Filter { key: Some(key("cccccccccccc")), ..Filter::default() }, &[]);
    check(network("127.1.0.0/24"), &[11, 12, 14]);
    check(network("127.1.0.9"), &[11, 12]);
    check(network("2001:db8::/32"), &[15]);
    check(network("127.2.0.0/16"), &[]);
    check(Filter { network: network("127.1.0.0/24").network, ..stolen }, &[11, 14]);
    check(Filter { team: Some("guests".into()), ..Filter::default() }, &[12, 15]);
    check(Filter { user: Some("corp/ada".into()), ..Filter::default() }, &[10, 11, 12, 14, 15]);
    check(Filter { user: Some("corp/eve".into()), ..Filter::default() }, &[]);
    check(param("orderId", "77"), &[10, 11, 15]);
    check(param("customerId", "77"), &[]);
    check(param("region", "eu"), &[10, 11, 12, 14, 15]);
    check(param("region", "e"), &[]);
}

#[test]
fn what_is_erased_is_found_by_nothing_personal() {
    let (disk, _) = asked();
    let maintenance = Maintenance::new(Arc::new(disk.clone()));
    retention::seal_offline(&maintenance).unwrap();
    let subject = Subject::SourceIp("127.1.0.9".parse().unwrap());
    assert_eq!(retention::erase(&maintenance, &subject).unwrap().entries, 2);
    let stolen = Filter { key: Some(key("aaaaaaaaaaaa")), ..Filter::default() };
    assert_eq!(reader(&disk).search(&stolen).unwrap().count(), 2);
}

#[test]
fn a_search_goes_on_below_where_another_stopped_and_reads_no_more_than_that() {
    let disk = filled(60);
    let reader = reader(&disk);
    let found = |filter: Filter| {
        let mut search = reader.search(&filter).unwrap();
        let entries: Vec<_> = search.by_ref().map(|entry| entry.unwrap().index).collect();
        (entries, search.read_bytes())
    };
    let (all, everything) = found(Filter::default());
    for at in [0, 1, 7, all.len() / 2, all.len() - 1] {
        let before = Some(all[at]);
        let (rest, read) = found(Filter { before, ..Filter::default() });
        assert_eq!(rest, all[at + 1..], "{at}");
        assert!(read <= everything, "{at}");
    }
    let (few, read) = found(Filter { before: Some(5), ..Filter::default() });
    assert!(few == [4, 3, 2, 1, 0] && read < everything / 2, "{few:?}: {read} of {everything}");
    assert_eq!(found(Filter { before: Some(0), ..Filter::default() }), (Vec::new(), 0));
}
