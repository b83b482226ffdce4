//! Who acts on Sallyport itself, and what each role may do.

use store::Role;

/// The person or process that asked for a use case. Every change names it in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    name: String,
    role: Role,
    way: Way,
}

/// How the actor came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Through the admin API with a token.
    Admin,
    /// By a command on the machine while no gateway ran, under the lock of the folder.
    Offline,
    /// The gateway itself: a file changed, a key was rotated.
    Gateway,
}

/// What a use case needs. Each role may do all that the one before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Needs {
    Viewer,
    Analyst,
    Owner,
    Admin,
}

impl Needs {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Owner => "owner",
            Self::Admin => "admin",
        }
    }
}

fn rank(role: Role) -> Needs {
    match role {
        Role::Viewer => Needs::Viewer,
        Role::Analyst => Needs::Analyst,
        Role::Owner => Needs::Owner,
        Role::Admin => Needs::Admin,
    }
}

impl Actor {
    /// An administrator whose token was verified.
    #[must_use]
    pub fn administrator(name: &str, role: Role) -> Self {
        Self { name: name.to_owned(), role, way: Way::Admin }
    }

    /// The operating system's user, who holds the folder's lock and so could change the files anyway.
    #[must_use]
    pub fn offline(user: &str) -> Self {
        Self { name: user.to_owned(), role: Role::Admin, way: Way::Offline }
    }

    /// The gateway itself.
    #[must_use]
    pub fn gateway() -> Self {
        Self { name: "gateway".to_owned(), role: Role::Admin, way: Way::Gateway }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// As the log names it: `ann`, `ann (offline)`, `gateway`.
    #[must_use]
    pub fn label(&self) -> String {
        match self.way {
            Way::Admin | Way::Gateway => self.name.clone(),
            Way::Offline => format!("{} (offline)", self.name),
        }
    }

    /// Whether the role suffices.
    #[must_use]
    pub fn may(&self, needs: Needs) -> bool {
        needs <= rank(self.role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_may_what_the_one_before_may_and_no_more() {
        let needs = [Needs::Viewer, Needs::Analyst, Needs::Owner, Needs::Admin];
        let roles = [Role::Viewer, Role::Analyst, Role::Owner, Role::Admin];
        for (place, role) in roles.into_iter().enumerate() {
            let actor = Actor::administrator("ann", role);
            for (level, &needed) in needs.iter().enumerate() {
                assert_eq!(actor.may(needed), level <= place, "{role:?} {needed:?}");
            }
        }
    }

    #[test]
    fn the_log_tells_offline_acts_apart() {
        assert_eq!(Actor::offline("root").label(), "root (offline)");
    }
}
