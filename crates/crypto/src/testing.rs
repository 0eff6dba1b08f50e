//! What tests of this crate and of the crates above it need: a seeded generator and devices that found
//! drives, let each other in and act; never in a release.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::{
    author::{Draft, Founded, Founding, Signer, brought_in, control_entry, genesis},
    body::{Grant, Reason, Revoke, Role},
    entry::{Entry, Links, LogPosition, Plane, content_entry, kind},
    identity::{DeviceCert, DriveKeys},
    ids::{BindId, DriveId, EntryId, MemberId},
    keyring::{Keyring, Opener},
    membership::{Control, Inserted},
    secret::EndpointSecret,
};

/// What tests return.
pub type TestResult<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// A generator that gives the same bytes for the same seed.
pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A device with its own replica of the control plane.
#[derive(Debug)]
pub struct TestDevice {
    /// Its name.
    pub name: String,
    /// Its keys.
    pub keys: DriveKeys,
    /// Its endpoint.
    pub endpoint: EndpointSecret,
    /// Its id under the grant that it acts under.
    pub bind: BindId,
    /// Whose it is.
    pub member: MemberId,
    /// Where its next control entry goes.
    pub at: LogPosition,
    /// Where its next content entry goes, and what the last one knew.
    pub content_at: LogPosition,
    /// The control heads of its last content entry.
    pub content_ctrl: Vec<EntryId>,
    /// What it knows.
    pub control: Control,
    /// What it can open.
    pub keyring: Keyring,
    /// Its source of chance.
    pub rng: ChaCha20Rng,
}

impl TestDevice {
    /// A device that is in no drive yet.
    pub fn new(name: &str, drive: DriveId, seed: u64) -> TestDevice {
        let mut rng = rng(seed);
        let keys = DriveKeys::generate(&mut rng);
        let endpoint = EndpointSecret::generate(&mut rng);
        let mut member = MemberId::ZERO;
        rand_core::Rng::fill_bytes(&mut rng, &mut member.0);
        let at = LogPosition::open(drive, Plane::Control, BindId::ZERO, &mut rng);
        TestDevice {
            name: name.to_owned(),
            keys,
            endpoint,
            bind: BindId::ZERO,
            member,
            content_at: at.clone(),
            at,
            content_ctrl: Vec::new(),
            control: Control::new(drive),
            keyring: Keyring::new(drive),
            rng,
        }
    }

    /// A device that founds a drive, and what the founding gave.
    ///
    /// # Errors
    /// None that a test expects.
    pub fn found(name: &str, seed: u64) -> TestResult<(TestDevice, Founded)> {
        let mut device = TestDevice::new(name, DriveId::ZERO, seed);
        let founding = Founding {
            drive_name: "Plans",
            member_label: name,
            device_label: "laptop",
            keys: &device.keys,
            endpoint: &device.endpoint,
            now: 1_700_000_000,
        };
        let founded = genesis(&founding, &mut device.rng)?;
        device.control = Control::new(founded.drive);
        device.keyring = Keyring::new(founded.drive);
        device.member = founded.member;
        device.hear(&founded.genesis)?;
        device.sit(founded.drive, founded.bind);
        Ok((device, founded))
    }

    /// Its certificate for its drive.
    pub fn cert(&self) -> DeviceCert {
        DeviceCert::issue(
            &self.control.drive(),
            &self.keys,
            &self.endpoint,
            1_700_000_000,
        )
    }

    /// Begins to act as `bind`.
    pub fn sit(&mut self, drive: DriveId, bind: BindId) {
        self.bind = bind;
        self.at = LogPosition::open(drive, Plane::Control, bind, &mut self.rng);
        self.content_at = LogPosition::open(drive, Plane::Content, bind, &mut self.rng);
        self.content_ctrl.clear();
    }

    /// Takes everything, and begins to act as the first device that `entry` brought in.
    fn seat(&mut self, control: &Control, entry: &Entry) -> TestResult {
        self.hear_all(control)?;
        let bind = brought_in(entry).first().copied();
        self.sit(control.drive(), bind.ok_or("nobody was brought in")?);
        Ok(())
    }

    /// Takes an entry, and whatever secrets it gives.
    ///
    /// # Errors
    /// As [`Control::insert`].
    pub fn hear(&mut self, entry: &Entry) -> TestResult<Inserted> {
        let inserted = self.control.insert(entry.clone())?;
        self.keyring
            .catch_up(&self.control, Opener::Device(&self.keys));
        Ok(inserted)
    }

    /// Takes everything that another replica has.
    ///
    /// # Errors
    /// As [`Control::insert`].
    pub fn hear_all(&mut self, from: &Control) -> TestResult {
        for (_, entry) in from.entries() {
            self.control.insert(entry.clone())?;
        }
        self.keyring
            .catch_up(&self.control, Opener::Device(&self.keys));
        Ok(())
    }

    /// Writes a control entry and takes it itself.
    ///
    /// # Errors
    /// As [`control_entry`].
    pub fn act(&mut self, draft: Draft) -> TestResult<Entry> {
        let signer = Signer::Device(&self.keys);
        let made = control_entry(
            &self.control,
            &self.at,
            signer,
            &self.keyring,
            draft,
            &mut self.rng,
        )?;
        self.at = LogPosition::after(&made.entry.header);
        self.hear(&made.entry)?;
        Ok(made.entry)
    }

    /// Makes `other` a member, tells it everything, and has it act under this grant.
    ///
    /// # Errors
    /// As [`TestDevice::act`].
    pub fn admit(&mut self, other: &mut TestDevice, role: Role) -> TestResult<Entry> {
        let grant = Grant {
            member: other.member,
            role,
            devices: vec![other.cert()],
            invite: None,
        };
        let entry = self.act(Draft::new().grant(grant, &other.name))?;
        other.seat(&self.control, &entry)?;
        Ok(entry)
    }

    /// A new device, admitted.
    ///
    /// # Errors
    /// As [`TestDevice::act`].
    pub fn admit_new(&mut self, name: &str, role: Role, seed: u64) -> TestResult<TestDevice> {
        let mut other = TestDevice::new(name, self.control.drive(), seed);
        self.admit(&mut other, role)?;
        Ok(other)
    }

    /// Enrols another device of the same person.
    ///
    /// # Errors
    /// As [`TestDevice::act`].
    pub fn enrol(&mut self, name: &str, seed: u64) -> TestResult<TestDevice> {
        let mut other = TestDevice::new(name, self.control.drive(), seed);
        other.member = self.member;
        let entry = self.act(Draft::new().add_device(other.cert(), name))?;
        other.seat(&self.control, &entry)?;
        Ok(other)
    }

    /// Removes a member without letting any of its content stand.
    ///
    /// # Errors
    /// As [`TestDevice::act`].
    pub fn revoke(&mut self, member: MemberId) -> TestResult<Entry> {
        self.act(Draft::new().revoke(revocation(member)))
    }

    /// Writes a content entry with the epoch that it believes current (or any it holds).
    ///
    /// # Errors
    /// As [`content_entry`].
    pub fn write(&mut self, plaintext: &[u8]) -> TestResult<Entry> {
        let current = self.control.state().current_epoch();
        let keys = current.and_then(|id| self.keyring.get(&id));
        let keys = keys
            .or_else(|| self.keyring.epochs().last().cloned())
            .ok_or("no epoch")?;
        let ctrl = self.control.heads();
        let links = Links {
            deps: Vec::new(),
            ctrl: ctrl.clone(),
        };
        let at = self.content_at.clone();
        let entry = content_entry(
            &at,
            kind::EDIT,
            links,
            &keys,
            plaintext,
            &self.keys,
            &mut self.rng,
        )?;
        self.content_at = LogPosition::after(&entry.header);
        self.content_ctrl = ctrl;
        Ok(entry)
    }

    /// What it thinks another's role is.
    pub fn role_of(&self, member: MemberId) -> Option<Role> {
        self.control
            .state()
            .members
            .get(&member)
            .and_then(|m| m.role)
    }
}

/// A revocation that lets nothing stand.
pub fn revocation(member: MemberId) -> Revoke {
    Revoke {
        member,
        cut: Vec::new(),
        reason: Reason::Compromised,
    }
}
