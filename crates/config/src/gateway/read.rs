//! Reads `sallyport.yaml`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};
use model::{AttributeType, GuessLimits, Guessing};

use super::{GatewayConfig, ListenAddress, RecordConfig, Reload, issuers};
use crate::fields::{self, Fields};
use crate::place::{Faults, Place};
use crate::quantity::parse_duration;
use crate::tls;
use crate::yaml::{self, Node};

const FIELDS: &[&str] = &[
    "admin",
    "admin_tls",
    "application_attributes",
    "environment",
    "guessing",
    "issuers",
    "listen",
    "record",
    "reload",
    "require_signed",
    "tls",
    "trusted_proxies",
    "user_attributes",
    "version",
    "workloads",
];

/// What the schema says of an application itself.
const APPLICATION_TAKEN: &[&str] = &["team"];
/// What the schema says of a user itself.
const USER_TAKEN: &[&str] = &["issuer", "name", "teams"];
/// The longest environment, so that a key stays short.
const ENVIRONMENT_BYTES_MAX: usize = 16;
/// The most attributes that can be declared.
const ATTRIBUTES_MAX: usize = 64;
const DAY: Duration = Duration::from_secs(86_400);
const KEEP_MIN: Duration = Duration::from_secs(3_600);
const KEEP_MAX: Duration = Duration::from_secs(3_660 * 86_400);

pub(crate) fn read(bytes: &[u8], faults: &mut Faults) -> Option<GatewayConfig> {
    let node = yaml::parse(bytes, faults)?;
    let fields = fields::file(&node, FIELDS, faults)?;
    let listen = fields
        .or("listen", ListenAddress(local(8080)), faults, |node, faults| address(node, "listen", faults));
    let admin =
        fields.or("admin", ListenAddress(local(8181)), faults, |node, faults| address(node, "admin", faults));
    if let (Some(listen), Some(admin)) = (listen, admin)
        && collide(listen.0, admin.0)
    {
        let reason = "`admin` and `listen` are the same address";
        faults.add(fields.place("admin"), reason, "give `admin` a port of its own");
    }
    let trusted_proxies = fields.or("trusted_proxies", Vec::new(), faults, networks);
    let reload = fields.or("reload", Reload::OnChange, faults, |node, faults| {
        fields::chosen(node, "reload", &["on_change", "on_publish"], faults, |text| match text {
            "on_change" => Some(Reload::OnChange),
            "on_publish" => Some(Reload::OnPublish),
            _ => None,
        })
    });
    if let Some(node) = fields.find("require_signed") {
        refuse_signed(node, faults);
    }
    let record = fields.or("record", RecordConfig { keep: 90 * DAY }, faults, record);
    let tls = fields.or("tls", None, faults, |node, faults| tls::listener(node, faults).map(Some));
    let admin_tls = fields.or("admin_tls", None, faults, |node, faults| tls::admin(node, faults).map(Some));
    let application_attributes =
        fields.or("application_attributes", BTreeMap::new(), faults, |node, faults| {
            attributes(node, "application_attributes", APPLICATION_TAKEN, faults)
        });
    let user_attributes = fields.or("user_attributes", BTreeMap::new(), faults, |node, faults| {
        attributes(node, "user_attributes", USER_TAKEN, faults)
    });
    let issuers = fields.or("issuers", Vec::new(), faults, |node, faults| {
        issuers::read::read(node, user_attributes.as_ref(), faults)
    });
    let environment = fields.or("environment", "live".to_owned(), faults, environment);
    let standard = Guessing::Limited(GuessLimits::STANDARD);
    let guessing = fields.or("guessing", standard, faults, super::guessing::read);
    let workloads = fields.or("workloads", Vec::new(), faults, super::workloads::read);
    Some(GatewayConfig {
        listen: listen?,
        admin: admin?,
        trusted_proxies: trusted_proxies?,
        reload: reload?,
        record: record?,
        tls: tls?,
        admin_tls: admin_tls?,
        application_attributes: application_attributes?,
        user_attributes: user_attributes?,
        issuers: issuers?,
        environment: environment?,
        guessing: guessing?,
        workloads: workloads?,
    })
}

const fn local(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

fn address(node: &Node, what: &str, faults: &mut Faults) -> Option<ListenAddress> {
    let fix = "write an address and a port, such as 127.0.0.1:8080 or '[::1]:8080'";
    fields::parsed(node, what, fix, faults, |text| match text.parse::<SocketAddr>() {
        Ok(address) => Ok(ListenAddress(address)),
        Err(_) => Err(format!("`{}` is no address with a port", fields::shown(text))),
    })
}

/// Whether two listeners cannot live side by side. Port 0 never collides: the system gives each a port of its own.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let everywhere = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && (everywhere || one.ip() == other.ip())
}

fn refuse_signed(node: &Node, faults: &mut Faults) {
    if fields::switch(node, "require_signed", true, false, faults) == Some(true) {
        let reason = "`require_signed` is not supported yet: this version cannot verify signed revisions";
        faults.add(
            node.place,
            reason,
            "remove it; `reload: on_publish` makes a publish the only way to go live",
        );
    }
}

fn record(node: &Node, faults: &mut Faults) -> Option<RecordConfig> {
    let fields = Fields::of(node, "`record`", &["keep"], faults)?;
    let keep = fields.or("keep", 90 * DAY, faults, |node, faults| {
        let keep = fields::parsed(node, "keep", "write how long, such as 90d", faults, parse_duration)?;
        if keep < KEEP_MIN || KEEP_MAX < keep {
            let reason = "`keep` must be from 1h to 3660d";
            faults.add(node.place, reason, "write how long, such as 90d");
            return None;
        }
        Some(keep)
    })?;
    Some(RecordConfig { keep })
}

fn environment(node: &Node, faults: &mut Faults) -> Option<String> {
    fields::parsed(node, "environment", "write something like live, test or eu1", faults, |text| {
        let plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if plain && !text.is_empty() && text.len() <= ENVIRONMENT_BYTES_MAX {
            Ok(text.to_owned())
        } else {
            Err("it is made of 1 to 16 of a-z and 0-9, because keys carry it")
        }
    })
}

fn attributes(
    node: &Node,
    field: &str,
    taken: &[&str],
    faults: &mut Faults,
) -> Option<BTreeMap<String, AttributeType>> {
    const TYPES: &[&str] = &["Bool", "Long", "String", "Set<String>"];
    let entries = fields::table(node, &format!("`{field}`"), faults)?;
    fields::note_doubled(entries, faults);
    if ATTRIBUTES_MAX < entries.len() {
        faults.add(node.place, "there are over 64 attributes", "declare those that policies read");
        return None;
    }
    let mut attributes = BTreeMap::new();
    for entry in entries {
        let kind = fields::chosen(&entry.node, &entry.key, TYPES, faults, AttributeType::parse);
        if let Err(reason) = judge_attribute(&entry.key, taken) {
            let reason = format!("attribute `{}` {reason}", fields::shown(&entry.key));
            faults.add(entry.place, reason, "write a name such as customer or maxItems");
        } else if let Some(kind) = kind {
            attributes.insert(entry.key.clone(), kind);
        }
    }
    Some(attributes)
}

/// An attribute is an identifier of Cedar, so that `principal.customer` can be written.
fn judge_attribute(name: &str, taken: &[&str]) -> Result<(), &'static str> {
    /// Words that Cedar's grammar has taken.
    const TAKEN: &[&str] = &[
        "action",
        "context",
        "else",
        "false",
        "has",
        "if",
        "in",
        "is",
        "like",
        "principal",
        "resource",
        "then",
        "true",
    ];
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    if !plain || !first || 64 < name.len() || name.starts_with("__cedar") {
        return Err("is made of letters, digits and `_`, begins with a letter and has at most 64 of them");
    }
    if TAKEN.contains(&name) || taken.contains(&name) {
        Err("is a word that policies use otherwise")
    } else {
        Ok(())
    }
}

fn networks(node: &Node, faults: &mut Faults) -> Option<Vec<IpNet>> {
    let fix = "write networks such as 10.2.0.0/16 or fd00::/8, or single addresses";
    let networks = fields::each(node, "trusted_proxies", faults, |item, faults| {
        fields::parsed(item, "trusted_proxies", fix, faults, network)
    })?;
    if let Some(all) = IpNet::aggregate(&networks).iter().find(|network| network.prefix_len() == 0) {
        let everyone = if all.addr().is_ipv4() { "IPv4" } else { "IPv6" };
        let reason = format!(
            "together `trusted_proxies` cover every {everyone} address: anyone could claim any address"
        );
        faults.add(node.place, reason, "list your proxies only");
        return None;
    }
    Some(networks)
}

/// One network in its one spelling. Judged after masking: `10.2.0.0/0` is everyone, whatever stands before the slash.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let shown = fields::shown(text);
    let written = match (text.parse::<IpNet>(), text.parse::<IpAddr>()) {
        (Ok(network), _) => network,
        (Err(_), Ok(address)) => IpNet::from(address),
        (Err(_), Err(_)) => return Err(format!("`{shown}` is no network")),
    };
    if written.prefix_len() == 0 {
        return Err(format!("`{shown}` is everyone: anyone could claim any address"));
    }
    let masked = written.trunc();
    if masked.addr() != written.addr() {
        return Err(format!("`{shown}` has bits beyond its mask; it would mean {masked}"));
    }
    without_mapping(masked)
        .ok_or_else(|| format!("`{shown}` holds every IPv4 address: anyone could claim any address"))
}

/// Reads IPv4 written as IPv6 (`::ffff:10.0.0.0/104`) as the IPv4 it is; nothing where it holds all of IPv4.
fn without_mapping(network: IpNet) -> Option<IpNet> {
    let IpNet::V6(wide) = network else {
        return Some(network);
    };
    let mapped = Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0);
    match wide.prefix_len().checked_sub(96) {
        None | Some(0) if wide.contains(&mapped) => None,
        None => Some(network),
        Some(prefix) => match wide.addr().to_ipv4_mapped() {
            Some(address) => Ipv4Net::new(address, prefix).ok().map(IpNet::V4),
            None => Some(network),
        },
    }
}

impl GatewayConfig {
    /// Whether a connection to `address` would come back to this gateway. For upstreams, after their names have been
    /// resolved: an API behind the gateway that is the gateway would answer itself without end.
    #[must_use]
    pub fn is_own_listener(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        [self.listen.0, self.admin.0].iter().any(|listener| {
            let own = listener.ip().to_canonical();
            let here = own == ip
                || (ip.is_loopback() && own.is_unspecified())
                || (ip.is_unspecified() && (own.is_loopback() || own.is_unspecified()));
            listener.port() != 0 && listener.port() == address.port() && here
        })
    }
}

/// Where the file as a whole is missing.
pub(crate) fn missing(faults: &mut Faults) {
    faults.add(
        Place::WHOLE,
        "the file is missing",
        "run `sallyport init DIR --upstream URL`, or name the folder with --dir",
    );
}
