//! What is called, when, from where, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use super::{
    Addresses, Call, Client, Company, Dice, Documents, Pace, Place, Purpose, Rhythms, Scopes, Spray,
    Standing, StolenKey, Who, made,
};

/// 2026-05-31T00:00:00Z, the end of a month; the held-out day is thirty days later.
const BEGIN: i64 = 1_780_185_600;
const MONTH_DAYS: i64 = 30;

/// When a need is called.
#[derive(Clone, Copy, Debug)]
enum Rhythm {
    /// So many times a day, by day more than at night.
    Steady(u64),
    /// At one hour of every day, so many times.
    Nightly(u64, u64),
    /// On one day of the week, so many times within some hours.
    Weekly(i64, u64),
    /// On the last day of the month, so many times within an hour.
    MonthEnd(u64),
    /// Hardly ever: on some day, or only in a disaster, which the held-out day has.
    Declared(i64),
}

struct Plan {
    rhythms: BTreeMap<Place, Rhythm>,
    networks: Vec<Ipv4Addr>,
    keys: Vec<usize>,
    first_day: i64,
}

pub(super) fn fill(company: &mut Company, dice: &mut Dice) {
    let mut plans = Vec::new();
    for number in 0..company.clients.len() {
        let plan = plan(company, number, dice);
        plans.push(plan);
    }
    made::documents(company, dice);
    let days = company.shape.days;
    for (number, plan) in plans.iter().enumerate() {
        for day in plan.first_day..=days {
            needs(company, number, plan, day, dice);
        }
        if !company.clients[number].is_late {
            curiosity(company, number, plan, dice);
            failures(company, number, plan, dice);
        }
    }
    stolen(company, &plans, dice);
    spray(company, &plans, dice);
    quarantined(company, dice);
    scanner(company, dice);
    unverified(company, dice);
    company.learning.sort_by_key(|call| call.time);
    if company.shape.pace == Pace::OneByOne {
        one_by_one(company);
    }
}

/// The same calls within the same time, in another order.
fn one_by_one(company: &mut Company) {
    let times: Vec<i64> = company.learning.iter().map(|call| call.time).collect();
    let place = |call: &Call| match call.who {
        Who::Anonymous | Who::Claimed => (0, None),
        Who::Client(client) => (client + 1, call.operation),
    };
    company.learning.sort_by_key(place);
    for (call, time) in company.learning.iter_mut().zip(times) {
        call.time = time;
    }
}

fn plan(company: &mut Company, number: usize, dice: &mut Dice) -> Plan {
    let shape = company.shape;
    let client: Client = company.clients[number].clone();
    let can_declare = match client.standing {
        Standing::Keys => shape.scopes == Scopes::Mixed,
        Standing::Token => shape.documents == Documents::AskScopes,
    };
    let mut rhythms = BTreeMap::new();
    for place in &client.needs {
        let rhythm = match dice.below(100) {
            0..60 if shape.rhythms == Rhythms::Quiet => Rhythm::Weekly(dice.number(7), 1),
            _ if shape.rhythms == Rhythms::Quiet => Rhythm::Nightly(dice.below(24), 1),
            // What nobody declared is called often enough to be seen.
            0..8 if can_declare && !client.is_late => {
                Rhythm::Declared(if dice.percent(50) { -1 } else { dice.number(shape.days) })
            }
            0..20 if 7 <= shape.days && !client.is_late => Rhythm::Weekly(dice.number(7), dice.between(3, 9)),
            20..30 if MONTH_DAYS <= shape.days && !client.is_late => Rhythm::MonthEnd(dice.between(8, 30)),
            30..40 if 3 <= shape.days => Rhythm::Nightly(dice.below(24), dice.between(2, 6)),
            _ => Rhythm::Steady(dice.between(3.max(shape.calls / 8), shape.calls.max(4))),
        };
        rhythms.insert(*place, rhythm);
    }
    let declared: BTreeSet<Place> = rhythms
        .iter()
        .filter(|(_, rhythm)| matches!(rhythm, Rhythm::Declared(_)))
        .map(|(place, _)| *place)
        .collect();
    company.clients[number].rare.clone_from(&declared);
    let keys = match client.standing {
        Standing::Keys => (0..2).map(|_| made::key(company, number, &declared, dice)).collect(),
        Standing::Token => Vec::new(),
    };
    let count = match shape.addresses {
        Addresses::Functions | Addresses::Loopback | Addresses::One => 1,
        Addresses::Pool => 20,
        Addresses::Several => dice.between(1, 4),
        Addresses::Rotating => 10,
    };
    let networks = (0..count).map(|_| network(10, dice)).collect();
    Plan { rhythms, networks, keys, first_day: if client.is_late { shape.days - 1 } else { 0 } }
}

/// The first address of a network that nobody else has.
fn network(first: u8, dice: &mut Dice) -> Ipv4Addr {
    let [a, b, ..] = dice.word().to_be_bytes();
    Ipv4Addr::new(first, a, b, 0)
}

/// A moment of a day: `hour` of 24 and some of it, however long the day lasts.
fn moment(company: &Company, day: i64, hour: u64, width: u64, dice: &mut Dice) -> i64 {
    let length = company.shape.day_seconds * 1_000_000;
    let begin = BEGIN * 1_000_000 + day * length;
    let hour_length = (length / 24).max(1);
    let width = i64::try_from(width).unwrap_or(1);
    let hour = i64::try_from(hour.min(23)).unwrap_or(0);
    begin + (hour * hour_length + dice.number(hour_length * width)) % length
}

fn needs(company: &mut Company, number: usize, plan: &Plan, day: i64, dice: &mut Dice) {
    for (place, rhythm) in &plan.rhythms {
        let is_held_out = day == company.shape.days;
        // Hours, each with how many calls and over how many hours they spread.
        let (count, hour, width) = match *rhythm {
            Rhythm::Steady(count) => (dice.between(count - count / 3, count + count / 3), 0, 24),
            Rhythm::Nightly(hour, count) => (count, hour, 1),
            Rhythm::Weekly(weekday, count) if day % 7 == weekday => (count, 8, 6),
            Rhythm::MonthEnd(count) if day % MONTH_DAYS == 0 => (count, 22, 1),
            Rhythm::Declared(at) if day == at || is_held_out => (1 + dice.below(2), 3, 20),
            Rhythm::Weekly(..) | Rhythm::MonthEnd(_) | Rhythm::Declared(_) => (0, 0, 1),
        };
        for _call in 0..count {
            let time = moment(company, day, hour, width, dice);
            let status = match dice.below(100) {
                0 => 500,
                1 | 2 => 404,
                _ => 200,
            };
            let status = if is_held_out { 200 } else { status };
            let address = address(company, plan, day, dice);
            let key = plan.keys.get(dice.place(plan.keys.len())).copied();
            let call = call(company, time, number, key, *place, address, (status, Purpose::Need));
            if is_held_out {
                company.held_out.push(call);
            } else {
                company.learning.push(call);
            }
        }
    }
}

fn address(company: &Company, plan: &Plan, day: i64, dice: &mut Dice) -> IpAddr {
    let place = match company.shape.addresses {
        Addresses::Loopback => return IpAddr::V4(Ipv4Addr::LOCALHOST),
        Addresses::Functions => return within(network(100, dice), dice),
        Addresses::One => 0,
        Addresses::Pool | Addresses::Several => dice.place(plan.networks.len()),
        Addresses::Rotating => usize::try_from(day / 3).unwrap_or(0) % plan.networks.len(),
    };
    within(plan.networks[place], dice)
}

fn within(network: Ipv4Addr, dice: &mut Dice) -> IpAddr {
    let [a, b, c, _] = network.octets();
    IpAddr::from([a, b, c, u8::try_from(dice.between(1, 250)).unwrap_or(1)])
}

fn call(
    company: &Company,
    time: i64,
    client: usize,
    key: Option<usize>,
    place: Place,
    address: IpAddr,
    (status, purpose): (u16, Purpose),
) -> Call {
    let in_scope = key.is_none_or(|key| company.covers(key, place));
    Call {
        time,
        who: Who::Client(client),
        key,
        operation: Some(place),
        api: place.0,
        address,
        in_scope,
        status: if in_scope { status } else { 403 },
        purpose,
    }
}

/// Any operation that a client does not need.
fn unneeded(company: &Company, client: usize, dice: &mut Dice) -> Option<Place> {
    let needs = &company.clients[client].needs;
    // Mostly of APIs that it knows.
    let known = needs.iter().nth(dice.place(needs.len())).map(|(api, _)| *api);
    let api = known.filter(|_| dice.percent(80)).unwrap_or_else(|| dice.place(company.apis.len()));
    let place = (api, dice.place(company.apis[api].operations.len()));
    (!needs.contains(&place)).then_some(place)
}

/// A person tries something, and does not come back to it.
fn curiosity(company: &mut Company, number: usize, plan: &Plan, dice: &mut Dice) {
    let mut tried = BTreeSet::new();
    for _thing in 0..dice.between(0, company.shape.curious_about) {
        let Some(place) = unneeded(company, number, dice) else { continue };
        if !tried.insert(place) {
            continue;
        }
        let day = dice.number(company.shape.days);
        let begin = moment(company, day, 9, 8, dice);
        for again in 0..company.shape.curiosity {
            let address = address(company, plan, day, dice);
            // Some seconds later, in a company that is in no hurry.
            let time = begin + (again as i64) * company.shape.day_seconds * 200;
            let key = plan.keys.first().copied();
            let call = call(company, time, number, key, place, address, (200, Purpose::Curiosity));
            company.learning.push(call);
        }
    }
}

/// A program calls again and again what it may not or what is not there.
fn failures(company: &mut Company, number: usize, plan: &Plan, dice: &mut Dice) {
    if !dice.percent(30) {
        return;
    }
    let Some(place) = unneeded(company, number, dice) else { return };
    let status = [403, 404, 500][dice.place(3)];
    for day in 0..company.shape.days {
        let time = moment(company, day, 0, 24, dice);
        let address = address(company, plan, day, dice);
        let key = plan.keys.first().copied();
        let call = call(company, time, number, key, place, address, (status, Purpose::Failure));
        company.learning.push(call);
    }
}

/// Clients with keys that are there from the beginning, by their number.
fn with_keys(company: &Company) -> Vec<usize> {
    let clients = company.clients.iter().enumerate();
    let fit = |client: &Client| client.standing == Standing::Keys && !client.is_late;
    clients.filter(|(_, client)| fit(client)).map(|(number, _)| number).collect()
}

/// A thief uses the first key of a client for some days, until it is revoked; its owner goes on with the second one.
fn stolen(company: &mut Company, plans: &[Plan], dice: &mut Dice) {
    let Some(client) = with_keys(company).first().copied() else { return };
    let days = company.shape.days;
    let (begin, end) = (days * 2 / 5, (days * 4 / 5).max(days * 2 / 5 + 1));
    let key = plans[client].keys[0];
    company.keys[key].stopped = Some("leaked in a repository");
    let other = plans[client].keys[1];
    let length = company.shape.day_seconds * 1_000_000;
    let revoked = BEGIN * 1_000_000 + end * length;
    let is_only = company.shape.stolen == StolenKey::Only;
    for call in &mut company.learning {
        match (call.key == Some(key), call.key == Some(other), call.time < revoked) {
            (true, _, false) => call.key = Some(other),
            (_, true, true) if is_only => call.key = Some(key),
            (_, _, _) => {}
        }
    }
    for call in company.held_out.iter_mut().filter(|call| call.key == Some(key)) {
        call.key = Some(other);
    }
    let away = network(203, dice);
    for day in begin..end {
        for _call in 0..30 {
            let Some(place) = unneeded(company, client, dice) else { continue };
            let time = moment(company, day, 0, 24, dice);
            let address = elsewhere(company, away, dice);
            let call = call(company, time, client, Some(key), place, address, (200, Purpose::Stolen));
            company.learning.push(call);
        }
    }
}

/// As `away`, unless everybody is on one machine.
fn elsewhere(company: &Company, away: Ipv4Addr, dice: &mut Dice) -> IpAddr {
    match company.shape.addresses {
        Addresses::Loopback => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Addresses::Functions
        | Addresses::One
        | Addresses::Pool
        | Addresses::Several
        | Addresses::Rotating => within(away, dice),
    }
}

/// Somebody with a valid key tries everything that it opens, slowly, from another network; nobody notices.
fn spray(company: &mut Company, plans: &[Plan], dice: &mut Dice) {
    // On one machine nothing tells it from its owner, and where networks change all the time neither.
    if matches!(company.shape.addresses, Addresses::Functions | Addresses::Loopback | Addresses::Pool) {
        return;
    }
    let clients = with_keys(company);
    let begin = company.shape.days * company.shape.spray_from / 100;
    for client in clients.iter().skip(1).take(3) {
        let key = plans[*client].keys[1];
        let count = match company.shape.spray {
            Spray::Botnet => company.shape.days,
            Spray::Mixed | Spray::Slow => 1,
            Spray::Two => 2,
        };
        let away: Vec<Ipv4Addr> = (0..count.max(1)).map(|_| network(198, dice)).collect();
        let is_of_interest = |place: &Place| {
            company.shape.spray == Spray::Mixed || !company.clients[*client].needs.contains(place)
        };
        let open = company.places().filter(|place| company.covers(key, *place) && is_of_interest(place));
        for place in open.collect::<Vec<Place>>() {
            for _call in 0..dice.between(1, 4) {
                let day = begin + dice.number((company.shape.days - begin).max(1));
                let time = moment(company, day, 0, 24, dice);
                let from = match company.shape.spray {
                    Spray::Botnet => usize::try_from(day).unwrap_or(0) % away.len(),
                    Spray::Mixed | Spray::Slow => 0,
                    Spray::Two => dice.place(away.len()),
                };
                let address = within(away[from], dice);
                let call = call(company, time, *client, Some(key), place, address, (200, Purpose::Spray));
                company.learning.push(call);
            }
        }
    }
}

/// A key that was set aside after it had been used for a while.
fn quarantined(company: &mut Company, dice: &mut Dice) {
    let Some(client) = with_keys(company).get(4).copied() else { return };
    let key = made::key(company, client, &BTreeSet::new(), dice);
    company.keys[key].stopped = Some("quarantined: nobody knows whose it is");
    for day in 0..company.shape.days {
        for _call in 0..5 {
            let Some(place) = unneeded(company, client, dice) else { continue };
            let time = moment(company, day, 0, 24, dice);
            let address = elsewhere(company, Ipv4Addr::new(192, 0, 2, 0), dice);
            let call = call(company, time, client, Some(key), place, address, (200, Purpose::Quarantined));
            company.learning.push(call);
        }
    }
}

/// A tool that knows no API and tries every path, most of them such as nobody declared.
fn scanner(company: &mut Company, dice: &mut Dice) {
    company.clients.push(Client {
        name: "scanner".to_owned(),
        team: company.teams[0].clone(),
        needs: BTreeSet::new(),
        standing: Standing::Keys,
        is_late: false,
        scopes: Vec::new(),
        rare: BTreeSet::new(),
    });
    let number = company.clients.len() - 1;
    let key = made::key(company, number, &BTreeSet::new(), dice);
    company.keys[key].scopes = company.apis.iter().map(|api| api.name.clone()).collect();
    let places: Vec<Place> = company.places().collect();
    let address = elsewhere(company, Ipv4Addr::new(10, 200, 1, 0), dice);
    for place in places {
        for _time in 0..2 {
            let day = dice.number(company.shape.days);
            let time = moment(company, day, 0, 24, dice);
            let scan = |status| (status, Purpose::Scan);
            let found = call(company, time, number, Some(key), place, address, scan(200));
            for _path in 0..5 {
                let missed = call(company, time, number, Some(key), place, address, scan(404));
                company.learning.push(Call { operation: None, ..missed });
            }
            company.learning.push(found);
        }
    }
}

/// Calls of nobody, and of those who only claim to be somebody.
fn unverified(company: &mut Company, dice: &mut Dice) {
    for day in 0..company.shape.days {
        for who in [Who::Anonymous, Who::Claimed] {
            for _call in 0..20 {
                let api = dice.place(company.apis.len());
                let place = (api, dice.place(company.apis[api].operations.len()));
                let time = moment(company, day, 0, 24, dice);
                let address = elsewhere(company, network(203, dice), dice);
                let call = call(company, time, 0, None, place, address, (200, Purpose::Unverified));
                company.learning.push(Call { who, ..call });
            }
        }
    }
}
