//! What people say of the inventory: which operations they need not see again, and what a part of a path is. Both can be taken back.

use inventory::{Force, OVERRIDES_MAX, Override, canonical};
use serde::{Deserialize, Serialize};

use super::{FoundView, InventoryOrder, Watched};
use crate::actor::{Actor, Needs};
use crate::reasons::given;
use crate::{Control, ControlError, files};

/// The file of what is ignored.
pub(super) const IGNORED: &str = "inventory-ignored.json";
/// The longest place of a path.
const PLACE_BYTES_MAX: usize = 2_048;

/// An operation that somebody has looked at and does not want to see again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignored {
    pub host: String,
    pub method: String,
    pub path: String,
    pub by: String,
    pub reason: String,
    pub at: String,
}

/// What a part of a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Whatever is inferred: nobody says more.
    Inferred,
    /// A name.
    Literal,
    /// A value.
    Parameter,
}

/// What is said of a place.
#[derive(Clone, Debug)]
pub struct PlaceOrder {
    /// The host; none for all hosts.
    pub host: Option<String>,
    /// The path up to and with the part in question; `{}` stands for any value.
    pub path: String,
    pub reading: Reading,
}

/// What was said of a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlaceView {
    /// None for all hosts.
    pub host: Option<String>,
    pub path: String,
    /// `literal`, `parameter`, or `inferred` where what was said is taken back.
    pub is: &'static str,
}

impl Control {
    /// Marks an operation as looked at: it is listed no longer, and is counted all the same.
    pub fn ignore_operation(
        &self,
        actor: &Actor,
        order: &InventoryOrder,
        reason: &str,
    ) -> Result<FoundView, ControlError> {
        self.demand(actor, Needs::Owner)?;
        let reason = &given(reason, "ignoring an operation")?;
        let (mut found, _) = self.only_one(actor, order)?;
        match model::ApiName::parse(&found.api) {
            Ok(api) => self.demand_owner_of(actor, &self.state(), &api)?,
            // It is on no API, so it is nobody's.
            Err(_) => self.demand_owner_of_any(actor, &self.state(), format_args!("`{}`", order.name()))?,
        }
        let ignored = Ignored {
            host: found.host.clone(),
            method: found.method.clone(),
            path: found.path.clone(),
            by: actor.label(),
            reason: reason.to_owned(),
            at: self.now().to_string(),
        };
        let object = format!("operation {} {}{}", found.method, found.host, found.path);
        self.record(actor, "inventory.ignore", &object, reason)?;
        let mut watched = self.watched();
        let mut list = watched.ignored.clone();
        list.retain(|known| !known.is(&found.host, &found.method, &found.path));
        list.push(ignored.clone());
        self.carried(actor, "inventory.ignore", &object, watched.ignore(list))?;
        found.ignored = Some(ignored);
        Ok(found)
    }

    /// Takes the mark of an ignored operation away; gives what it was. The operation need not be in the inventory any more.
    pub fn unignore_operation(
        &self,
        actor: &Actor,
        order: &InventoryOrder,
        reason: &str,
    ) -> Result<Ignored, ControlError> {
        self.demand(actor, Needs::Owner)?;
        let mut watched = self.watched();
        let (meant, list): (Vec<Ignored>, Vec<Ignored>) =
            watched.ignored.iter().cloned().partition(|known| known.is_meant(order));
        let name = order.name();
        let [mark] = meant.as_slice() else {
            return Err(match meant.len() {
                0 => ControlError::Absent { what: "ignored operation", name },
                several => ControlError::invalid(
                    format!("`{name}` means {several} ignored operations"),
                    "name the host with --host",
                ),
            });
        };
        let object = format!("operation {} {}{}", mark.method, mark.host, mark.path);
        self.record(actor, "inventory.unignore", &object, reason)?;
        self.carried(actor, "inventory.unignore", &object, watched.ignore(list))?;
        Ok(mark.clone())
    }

    /// What was said of places, by host and path.
    pub fn inventory_places(&self, actor: &Actor) -> Result<Vec<PlaceView>, ControlError> {
        self.demand(actor, Needs::Viewer)?;
        Ok(self.watched().live.overrides().iter().map(PlaceView::of).collect())
    }

    /// Says what the last part of a path is, in the place of what was said before; it outweighs all that is seen, and stays until it is
    /// taken back.
    pub fn say_place(
        &self,
        actor: &Actor,
        order: &PlaceOrder,
        reason: &str,
    ) -> Result<PlaceView, ControlError> {
        self.demand(actor, Needs::Owner)?;
        let path = order.path.trim_end_matches('/').to_owned();
        if !path.starts_with('/') || PLACE_BYTES_MAX < path.len() || path.chars().any(char::is_control) {
            return Err(ControlError::invalid(
                format!("`{}` is no place of a path", order.path),
                "write it as /users/{}/me or HOST/users/{}",
            ));
        }
        self.demand_owner_of_any(actor, &self.state(), format_args!("`{}`", order.path))?;
        let host = order.host.as_ref().filter(|host| !host.is_empty()).map(|host| host.to_ascii_lowercase());
        let place = format!("{}{path}", host.as_deref().unwrap_or_default());
        let looked = self.looked();
        let now = self.now();
        let mut watched = self.watched();
        let mut said = watched.live.overrides().to_vec();
        let count = said.len();
        said.retain(|known| known.host != host || canonical(&known.prefix) != canonical(&path));
        let is = match order.reading {
            Reading::Inferred if said.len() == count => {
                return Err(ControlError::Absent { what: "word on the place", name: place });
            }
            Reading::Inferred => "inferred",
            Reading::Literal => "literal",
            Reading::Parameter => "parameter",
        };
        if OVERRIDES_MAX <= said.len() {
            return Err(ControlError::invalid(
                format!("{OVERRIDES_MAX} places are spoken of, and there is room for no more"),
                "take some back with --undo",
            ));
        }
        said.extend(force(order.reading).map(|force| Override {
            host: host.clone(),
            prefix: path.clone(),
            force,
        }));
        let object = format!("place {place}");
        let action = format!("inventory.{is}");
        self.record(actor, &action, &object, reason)?;
        watched.live.set_overrides(said);
        watched.since_saved = watched.since_saved.saturating_add(1);
        let written = watched.save(&looked, now);
        self.carried(actor, &action, &object, written)?;
        Ok(PlaceView { host, path, is })
    }
}

const fn force(reading: Reading) -> Option<Force> {
    match reading {
        Reading::Inferred => None,
        Reading::Literal => Some(Force::Literal),
        Reading::Parameter => Some(Force::Parameter),
    }
}

impl Watched {
    /// Writes down what is ignored, and goes by it.
    fn ignore(&mut self, list: Vec<Ignored>) -> Result<(), files::FilesError> {
        let bytes = serde_json::to_vec(&list).unwrap_or_default();
        files::replace(&self.folder, IGNORED, &bytes)?;
        self.ignored = list;
        Ok(())
    }
}

impl Ignored {
    pub(super) fn is(&self, host: &str, method: &str, path: &str) -> bool {
        self.host == host && self.method == method && self.path == path
    }

    fn is_meant(&self, order: &InventoryOrder) -> bool {
        let narrow = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        narrow(&order.host, &self.host)
            && narrow(&order.method, &self.method)
            && order.path.as_deref().is_some_and(|path| canonical(path) == canonical(&self.path))
    }
}

impl PlaceView {
    fn of(said: &Override) -> Self {
        let is = match said.force {
            Force::Literal => "literal",
            Force::Parameter => "parameter",
        };
        Self { host: said.host.clone(), path: said.prefix.clone(), is }
    }
}
