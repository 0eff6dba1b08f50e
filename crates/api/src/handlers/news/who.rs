//! What those are called who do something in a drive. Knows nothing of what they do.

use std::collections::HashMap;

use peerdrive_engine::DriveHandle;

use crate::dto::Who;

/// Names by the ids of members. Those who were removed keep theirs: what they did may arrive later.
#[derive(Debug, Default)]
pub(in crate::handlers) struct Names {
    known: HashMap<String, String>,
    own: Option<String>,
}

impl Names {
    pub(in crate::handlers) fn of(drive: &DriveHandle) -> Self {
        let mut names = Self::default();
        names.learn(drive);
        names
    }

    /// Takes in who is there now.
    pub(in crate::handlers) fn learn(&mut self, drive: &DriveHandle) {
        for member in drive.members() {
            let id = member.id.to_string();
            if member.you {
                self.own = Some(id.clone());
            }
            self.known.insert(id, member.name.unwrap_or_default());
        }
    }

    /// What a member is called; empty if that is not known.
    pub(in crate::handlers) fn name(&self, member: &str) -> &str {
        self.known.get(member).map_or("", String::as_str)
    }

    /// Who goes by this id; without one, this device.
    pub(in crate::handlers) fn who(&self, member: Option<String>) -> Who {
        let you = member.is_none() || member == self.own;
        let member = member.or_else(|| self.own.clone());
        let name = member.as_deref().map(|id| self.name(id));
        Who {
            name: name.unwrap_or_default().to_owned(),
            member,
            you,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_no_id_is_this_device() {
        let names = Names {
            known: [("a", "Ana"), ("b", "Ben")]
                .map(|(id, name)| (id.to_owned(), name.to_owned()))
                .into(),
            own: Some("a".into()),
        };
        let told = |id: Option<&str>| {
            let who = names.who(id.map(str::to_owned));
            (who.member, who.name, who.you)
        };
        let of = |id: &str, name: &str, you| (Some(id.to_owned()), name.to_owned(), you);
        assert_eq!(told(None), of("a", "Ana", true));
        // Another device of the same member.
        assert_eq!(told(Some("a")), of("a", "Ana", true));
        assert_eq!(told(Some("b")), of("b", "Ben", false));
        assert_eq!(told(Some("c")), of("c", "", false));
        let nobody = Names::default().who(None);
        assert_eq!((nobody.member, nobody.you), (None, true));
    }
}
