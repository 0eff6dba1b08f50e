//! Invites over the network: whoever may not come in by one is told why, whatever they replay, damage or
//! race for; and whoever is invited by somebody hostile comes to no harm.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use peerdrive_crypto::author::{Draft, Founding, Signer, brought_in, control_entry, genesis};
use peerdrive_crypto::body::Approve;
use peerdrive_crypto::entry::{LogPosition, Plane};
use peerdrive_crypto::identity::DriveKeys;
use peerdrive_crypto::ids::EndpointKey;
use peerdrive_crypto::invite::{
    Admitting, JoinError, Joiner, JoinerIdentity, Newcomer, Offer, Refused, Step, Ticket,
    new_invite, read_hello, refuse, waiting,
};
use peerdrive_crypto::keyring::{Keyring, Opener};
use peerdrive_crypto::membership::{Control, InviteState};
use peerdrive_crypto::secret::EndpointSecret;
use peerdrive_engine::Role;
use peerdrive_engine::drive::roll::RemovalReason;
use peerdrive_engine::join::InviteOptions;
use peerdrive_net::{JoinStream, Net, NetConfig};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tempfile::TempDir;

use crate::evil::{Anyone, Evil};
use crate::scene::{Honest, Scene, start, until};

/// Somebody with an endpoint and keys of their own, who is in no drive.
struct Outsider {
    net: Net,
    endpoint: EndpointSecret,
    keys: DriveKeys,
    rng: ChaCha20Rng,
    _blobs: TempDir,
}

/// What was said in a join, by either side.
#[derive(Default)]
struct Said {
    ours: Vec<Vec<u8>>,
    theirs: Vec<Vec<u8>>,
}

impl Outsider {
    async fn new(seed: u64) -> Result<Self> {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let endpoint = EndpointSecret::generate(&mut rng);
        let blobs = tempfile::tempdir()?;
        let config = NetConfig {
            secret_key: *endpoint.expose_for_sealing(),
            bind: Some("127.0.0.1:0".parse()?),
            discovery: false,
            relay: None,
            blobs_dir: blobs.path().to_owned(),
        };
        Ok(Self {
            net: Net::start(config, Arc::new(Anyone)).await?,
            endpoint,
            keys: DriveKeys::generate(&mut rng),
            rng,
            _blobs: blobs,
        })
    }

    /// The joiner's side of the real handshake, with everything kept that was said. The inner result is
    /// the other side's verdict; an outer error is a lost connection.
    async fn join(&mut self, text: &str, said: &mut Said) -> Result<Result<(), JoinError>> {
        let ticket = Ticket::parse(text)?;
        let address = ticket.gatekeepers.first().context("no address")?.clone();
        let mut stream = self.net.dial_join(&address).await?;
        let me = JoinerIdentity {
            keys: &self.keys,
            endpoint: &self.endpoint,
            label: "somebody",
            device_label: "something",
            now: 1,
        };
        let remote = EndpointKey(stream.peer().0);
        let (mut joiner, hello) = Joiner::start(ticket, stream.exporter(), remote, &mut self.rng)?;
        stream.send(&hello).await?;
        said.ours.push(hello);
        loop {
            let message = stream.recv().await?;
            said.theirs.push(message.clone());
            match joiner.receive(&message, &me) {
                Ok(Step::Send(reply)) => {
                    stream.send(&reply).await?;
                    said.ours.push(reply);
                }
                Ok(Step::Wait { .. }) => {}
                Ok(Step::Joined(joined)) => {
                    ensure!(joined.verified);
                    return Ok(Ok(()));
                }
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Says again what somebody said, and gives the last answer.
    async fn repeat(&self, address: &[u8], said: &[Vec<u8>]) -> Result<Vec<u8>> {
        let mut stream = self.net.dial_join(address).await?;
        let mut answer = Vec::new();
        for message in said {
            stream.send(message).await?;
            answer = stream.recv().await?;
        }
        Ok(answer)
    }
}

async fn invite(host: &Honest, role: Role, uses: u32) -> Result<(String, String)> {
    let options = InviteOptions {
        role,
        expires: None,
        uses,
        approve: Some(false),
    };
    let invite = host.engine.invite(&host.drive, options).await?;
    Ok((invite.id.to_string(), invite.ticket.text().to_owned()))
}

fn now() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_i2_a_hundred_devices_race_for_one_use_and_one_gets_in() -> Result<()> {
    let scene = Scene::of(&[]).await?;
    let owner = scene.at(0)?;
    let (_, text) = invite(owner, Role::Writer, 1).await?;
    let mut outsiders = Vec::new();
    for seed in 0..100 {
        outsiders.push(Outsider::new(1000 + seed).await?);
    }
    let mut racing = tokio::task::JoinSet::new();
    for mut outsider in outsiders {
        let text = text.clone();
        racing.spawn(async move {
            // The door hears eight at a time; the others come again.
            for attempt in 0..400u64 {
                match outsider.join(&text, &mut Said::default()).await {
                    Ok(verdict) => return Ok(verdict),
                    Err(_) => {
                        tokio::time::sleep(Duration::from_millis(20 + attempt % 7 * 10)).await
                    }
                }
            }
            bail!("never heard")
        });
    }
    let mut verdicts: BTreeMap<String, usize> = BTreeMap::new();
    while let Some(verdict) = racing.join_next().await {
        let word = match verdict?? {
            Ok(()) => "in".to_owned(),
            Err(error) => error.to_string(),
        };
        *verdicts.entry(word).or_default() += 1;
    }
    let used: String = JoinError::from(Refused::UsedUp).to_string();
    ensure!(verdicts.get("in") == Some(&1), "{verdicts:?}");
    ensure!(verdicts.get(&used) == Some(&99), "{verdicts:?}");
    ensure!(owner.members().len() == 2, "{:?}", owner.members());
    ensure!(owner.drive.invites()[0].used == 1);
    Ok(())
}

/// The owner's device, as an admin knows it.
fn owners_device(admin: &Evil) -> Result<peerdrive_crypto::ids::BindId> {
    let mut binds = admin.control.state().live_binds();
    let owners = binds.find(|(_, bind)| bind.role == Role::Owner);
    Ok(*owners.context("no owner")?.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_i5_an_invite_that_expired_or_was_taken_back_or_used_is_refused_with_the_reason()
-> Result<()> {
    let mut scene = Scene::of(&[Role::Admin]).await?;
    let mut admin = scene.seize(1).await?;
    let mut guest = Outsider::new(1).await?;
    let owner = scene.at(0)?;
    // Expired: an admin writes one into the drive that ended ten minutes ago, for the owner's device to
    // let in by, and a ticket that says it is good for years.
    let gatekeeper = owners_device(&admin)?;
    let offer = Offer {
        name: "Drive".into(),
        role: Role::Writer,
        max_uses: 5,
        not_after: now()? - 600,
        gatekeeper,
        addresses: vec![owner.address()?],
        approve: Approve::Auto,
    };
    let (old, mut ticket) = new_invite(&scene.drive, offer, &mut admin.rng);
    ticket.not_after = now()? + 100_000_000;
    let id = old.id;
    let entry = admin.rule(Draft::new().invite(old))?;
    let air = admin.on_air(&scene.addresses(&[0])?).await?;
    until("there is a session", || Ok(air.is_met(0))).await?;
    air.push(&[entry]);
    until("the owner knows of it", || {
        // There is another, by which the admin came.
        Ok(owner.drive.invites().iter().any(|invite| invite.id == id))
    })
    .await?;
    air.off().await;
    let said = &mut Said::default();
    let refused = guest.join(&ticket.to_text()?, said).await?;
    ensure!(refused == Err(Refused::Expired.into()), "{refused:?}");

    let (id, text) = invite(owner, Role::Writer, 5).await?;
    owner.drive.revoke_invite(&id).await?;
    let refused = guest.join(&text, said).await?;
    ensure!(refused == Err(Refused::Revoked.into()), "{refused:?}");

    let (_, text) = invite(owner, Role::Reader, 1).await?;
    let mut first = Outsider::new(2).await?;
    ensure!(first.join(&text, said).await? == Ok(()));
    let refused = guest.join(&text, said).await?;
    ensure!(refused == Err(Refused::UsedUp.into()), "{refused:?}");
    // Also for the one who used it, who cannot use it up twice.
    let refused = first.join(&text, said).await?;
    ensure!(refused == Err(Refused::UsedUp.into()), "{refused:?}");
    ensure!(owner.members().len() == 3, "{:?}", owner.members());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_i5_an_invite_dies_with_the_admin_who_made_it_whoever_lets_in_by_it() -> Result<()> {
    let mut scene = Scene::of(&[Role::Admin]).await?;
    let mut admin = scene.seize(1).await?;
    let owner = scene.at(0)?;
    let gatekeeper = owners_device(&admin)?;
    let offer = Offer {
        name: "Drive".into(),
        role: Role::Admin,
        max_uses: 50,
        not_after: now()? + 100_000,
        gatekeeper,
        addresses: vec![owner.address()?],
        approve: Approve::Auto,
    };
    // A door for later, which somebody else's device holds open.
    let (invite, ticket) = new_invite(&scene.drive, offer, &mut admin.rng);
    let id = invite.id;
    let entry = admin.rule(Draft::new().invite(invite))?;
    let air = admin.on_air(&scene.addresses(&[0])?).await?;
    until("there is a session", || Ok(air.is_met(0))).await?;
    air.push(&[entry]);
    until("the owner knows of it", || {
        // There is another, by which the admin came.
        Ok(owner.drive.invites().iter().any(|invite| invite.id == id))
    })
    .await?;
    air.off().await;
    let reason = RemovalReason::Compromised;
    owner
        .drive
        .remove(&admin.member.to_string(), reason)
        .await?;
    let mut back = Outsider::new(3).await?;
    let refused = back.join(&ticket.to_text()?, &mut Said::default()).await?;
    ensure!(refused == Err(Refused::Revoked.into()), "{refused:?}");
    ensure!(owner.members().len() == 1, "{:?}", owner.members());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_i3_a_join_that_is_carried_to_another_connection_or_answered_by_another_fails()
-> Result<()> {
    let scene = Scene::of(&[]).await?;
    let other = Scene::of(&[]).await?;
    let owner = scene.at(0)?;
    let (_, text) = invite(owner, Role::Writer, 50).await?;
    // Replayed: every message of a join that went well, by the same device and by another.
    let mut guest = Outsider::new(1).await?;
    let mut said = Said::default();
    ensure!(guest.join(&text, &mut said).await? == Ok(()));
    let thief = Outsider::new(2).await?;
    for who in [&guest, &thief] {
        let answer = who.repeat(&owner.address()?, &said.ours).await?;
        ensure!(
            answer == refuse(Refused::NotAdmitted),
            "a replay is answered"
        );
    }
    ensure!(owner.members().len() == 2, "{:?}", owner.members());
    // In between: somebody with own keys to both sides passes every message on as it is.
    let middle = Arc::new(Outsider::new(3).await?);
    let mut ticket = Ticket::parse(&text)?;
    ticket.gatekeepers = vec![middle.net.address()];
    let mut joins = middle.net.accept_joins();
    let address = owner.address()?;
    let carrier = middle.clone();
    let carrying = tokio::spawn(async move {
        while let Some(mut victim) = joins.recv().await {
            let Ok(mut real) = carrier.net.dial_join(&address).await else {
                return;
            };
            while let Ok(message) = victim.recv().await {
                let passed = real.send(&message).await;
                let Ok(answer) = real.recv().await else { break };
                if passed.is_err() || victim.send(&answer).await.is_err() {
                    break;
                }
            }
        }
    });
    let mut victim = Outsider::new(4).await?;
    let mut said = Said::default();
    let refused = victim.join(&ticket.to_text()?, &mut said).await?;
    ensure!(refused == Err(JoinError::WrongDrive), "{refused:?}");
    ensure!(
        said.ours.len() == 1,
        "more than a hello was said to the one in between"
    );
    carrying.abort();
    // Led to a device of another drive, which even knows an invite of this id not.
    let mut ticket = Ticket::parse(&text)?;
    ticket.gatekeepers = vec![other.at(0)?.address()?];
    let refused = victim
        .join(&ticket.to_text()?, &mut Said::default())
        .await?;
    ensure!(refused == Err(Refused::NotAdmitted.into()), "{refused:?}");
    // Another drive's ticket, made to speak of this one.
    let (_, foreign) = invite(other.at(0)?, Role::Owner.min(Role::Admin), 5).await?;
    let mut ticket = Ticket::parse(&foreign)?;
    ticket.drive = scene.drive;
    let refused = victim
        .join(&ticket.to_text()?, &mut Said::default())
        .await?;
    ensure!(refused == Err(JoinError::WrongDrive), "{refused:?}");
    ensure!(owner.members().len() == 2, "{:?}", owner.members());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_x10_a_ticket_grants_what_the_drive_says_and_not_what_it_says() -> Result<()> {
    // The seed's flaw: uses and role stood in the token itself, and nobody counted.
    let mut scene = Scene::of(&[]).await?;
    let owner = scene.at(0)?;
    let (_, text) = invite(owner, Role::Reader, 1).await?;
    let mut ticket = Ticket::parse(&text)?;
    ticket.role = Role::Admin;
    ticket.not_after += 1_000_000;
    let text = ticket.to_text()?.to_string();
    let data = scene.data(9);
    let engine = start(data).await?;
    let drive = engine.join(&text, None).await?;
    ensure!(drive.role() == Some(Role::Reader), "{:?}", drive.role());
    let again = start(scene.data(8)).await?;
    let error = again.join(&text, None).await.err().map(|e| e.to_string());
    ensure!(
        error.as_deref().is_some_and(|e| e.contains("used already")),
        "{error:?}"
    );
    engine.shutdown().await;
    again.shutdown().await;
    scene.stop(0).await
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_i1_a_damaged_ticket_says_so_and_a_stolen_one_is_noticed_by_its_owner() -> Result<()>
{
    let scene = Scene::of(&[]).await?;
    let owner = scene.at(0)?;
    let (_, text) = invite(owner, Role::Writer, 1).await?;
    let engine = start(scene.data(9)).await?;
    let (head, body) = text.split_once('#').context("no ticket")?;
    for at in 0..body.len() {
        let mut bad = body.as_bytes().to_vec();
        bad[at] = if bad[at] == b'a' { b'b' } else { b'a' };
        let bad = format!("{head}#{}", String::from_utf8(bad)?);
        ensure!(
            Ticket::parse(&bad).is_err(),
            "character {at} does not matter"
        );
    }
    for bad in [&text[..text.len() - 1], &text[..20], "", "peerdrive:join#"] {
        let error = engine.join(bad, None).await.err().map(|e| e.to_string());
        let error = error.context("joined by a damaged ticket")?;
        ensure!(error.contains("invite"), "{error}");
        ensure!(!error.contains(&body[40..80]), "it repeats the secret");
    }
    // Whoever stole it was first: the one it was for is told to say so.
    let mut thief = Outsider::new(5).await?;
    ensure!(thief.join(&text, &mut Said::default()).await? == Ok(()));
    let error = engine.join(&text, None).await.err().map(|e| e.to_string());
    let error = error.context("joined by a used ticket")?;
    ensure!(error.contains("tell whoever invited you"), "{error}");
    ensure!(engine.drives().is_empty());
    engine.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_l18_a_new_member_reads_what_was_written_before_it_came() -> Result<()> {
    // The policy that version 1 has, and says so: history is not secret from members.
    let mut scene = Scene::of(&[Role::Writer]).await?;
    scene.at(0)?.file("old", b"written long before").await?;
    let id = scene.at(0)?.drive.members();
    let writer = id.iter().find(|m| !m.you).context("nobody")?.id.to_string();
    // Through a change of epoch in between.
    scene
        .at(0)?
        .drive
        .remove(&writer, RemovalReason::Retired)
        .await?;
    scene
        .at(0)?
        .file("new", b"written after the removal")
        .await?;
    let at = scene.join(Role::Reader).await?;
    scene.level(&[0, at]).await?;
    let new = scene.at(at)?;
    ensure!(new.read("old").await?.as_deref() == Some(&b"written long before"[..]));
    ensure!(new.read("new").await?.as_deref() == Some(&b"written after the removal"[..]));
    Ok(())
}

/// A drive whose founder is hostile, and its only device.
struct HostileDrive {
    host: Outsider,
    control: Control,
    keyring: Keyring,
    ticket: Ticket,
    invite: InviteState,
    bind: peerdrive_crypto::ids::BindId,
    at: LogPosition,
    secret: peerdrive_crypto::secret::DriveSecret,
    name: String,
}

impl HostileDrive {
    async fn new(name: &str) -> Result<Self> {
        let mut host = Outsider::new(77).await?;
        let founding = Founding {
            drive_name: name,
            member_label: "../../..\u{202e}txt.exe",
            device_label: "\u{0}\u{1b}[2J",
            keys: &host.keys,
            endpoint: &host.endpoint,
            now: 0,
        };
        let founded = genesis(&founding, &mut host.rng)?;
        let mut control = Control::new(founded.drive);
        control.insert(founded.genesis)?;
        let mut keyring = Keyring::new(founded.drive);
        keyring.catch_up(&control, Opener::Device(&host.keys));
        control.open_names(&keyring);
        let at = LogPosition::open(founded.drive, Plane::Control, founded.bind, &mut host.rng);
        let offer = Offer {
            name: name.to_owned(),
            role: Role::Writer,
            max_uses: 100,
            not_after: now()? + 1000,
            gatekeeper: founded.bind,
            addresses: vec![host.net.address()],
            approve: Approve::Auto,
        };
        let (invite, ticket) = new_invite(&founded.drive, offer, &mut host.rng);
        Ok(Self {
            invite: InviteState {
                invite,
                revoked: false,
                uses: 0,
            },
            host,
            control,
            keyring,
            ticket,
            bind: founded.bind,
            at,
            secret: founded.drive_secret,
            name: name.to_owned(),
        })
    }

    /// Answers a hello with the challenge that the real program would answer with.
    async fn challenge(&mut self, stream: &mut JoinStream) -> Result<()> {
        let hello = read_hello(&stream.recv().await?)?;
        let admitting = Admitting {
            control: &self.control,
            bind: self.bind,
            keys: &self.host.keys,
        };
        let (_, reply) = admitting.challenge(hello, &stream.exporter(), &mut self.host.rng)?;
        Ok(stream.send(&reply).await?)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_i6_a_hostile_inviter_harms_nobody_who_joins() -> Result<()> {
    let root = tempfile::tempdir()?;
    let data = root.path().join("victim");
    let engine = start(data.clone()).await?;
    let mut hostile = HostileDrive::new("../../../../tmp/evil").await?;
    let text = hostile.ticket.to_text()?.to_string();
    let mut joins = hostile.host.net.accept_joins();
    // The ways to answer somebody who believes in the ticket.
    let lies = [
        "nonsense",
        "nothing at all",
        "endless waiting",
        "a challenge, then nonsense",
        "a challenge again and again",
        "refused with a word of one's own",
    ];
    for lie in lies {
        let victim = engine.clone();
        let wanted = text.clone();
        let joining = tokio::spawn(async move { victim.join(&wanted, None).await.map(|_| ()) });
        let mut stream = joins.recv().await.context("nobody came")?;
        let answering = async {
            match lie {
                "nonsense" => stream.send(&[0xff; 700_000]).await?,
                "endless waiting" => {
                    stream.recv().await?;
                    for _ in 0..1000 {
                        stream.send(&waiting()).await?;
                    }
                }
                "a challenge, then nonsense" => {
                    hostile.challenge(&mut stream).await?;
                    stream.recv().await?;
                    stream.send(&[4; 1000]).await?;
                }
                "a challenge again and again" => {
                    hostile.challenge(&mut stream).await?;
                    let first = stream.recv().await?;
                    stream.send(&first).await?;
                }
                "refused with a word of one's own" => stream.send(&[5, 99]).await?,
                _ => {}
            }
            anyhow::Ok(())
        };
        // The victim may hang up in the middle of it.
        let _ = tokio::time::timeout(Duration::from_secs(20), answering).await;
        drop(stream);
        let outcome = tokio::time::timeout(Duration::from_secs(30), joining).await;
        let outcome = outcome.with_context(|| format!("{lie}: the joiner hangs"))??;
        ensure!(outcome.is_err(), "{lie}: joined");
        ensure!(engine.drives().is_empty(), "{lie}: something is left");
        let left = std::fs::read_dir(data.join("drives"))?.count();
        ensure!(left == 0, "{lie}: {left} drives are left on the disk");
    }
    // Let in for real, into a drive with a hostile name: the name is text and leads nowhere.
    let victim = engine.clone();
    let place = root.path().canonicalize()?.join("place");
    let (wanted, wanted_at) = (place.clone(), place);
    let joining = tokio::spawn(async move { victim.join(&text, Some(&wanted)).await });
    let mut stream = joins.recv().await.context("nobody came")?;
    let_in(&mut hostile, &mut stream).await?;
    stream.finish().await;
    let joined = tokio::time::timeout(Duration::from_secs(60), joining).await???;
    ensure!(joined.name() == hostile.name);
    ensure!(joined.folder()?.context("no folder")? == wanted_at);
    let beside: Vec<_> = std::fs::read_dir(root.path())?
        .flatten()
        .map(|e| e.file_name())
        .collect();
    let known = |name: &std::ffi::OsString| name == "victim" || name == "place";
    ensure!(beside.iter().all(known), "{beside:?}");
    ensure!(!std::path::Path::new("/tmp/evil").exists());
    engine.shutdown().await;
    Ok(())
}

/// Admits by the ticket, as the real program would.
async fn let_in(hostile: &mut HostileDrive, stream: &mut JoinStream) -> Result<()> {
    let hello = read_hello(&stream.recv().await?)?;
    let admitting = Admitting {
        control: &hostile.control,
        bind: hostile.bind,
        keys: &hostile.host.keys,
    };
    let (challenged, reply) =
        admitting.challenge(hello, &stream.exporter(), &mut hostile.host.rng)?;
    stream.send(&reply).await?;
    let request = stream.recv().await?;
    let remote = EndpointKey(stream.peer().0);
    let applicant = challenged.request(&request, &hostile.invite, &remote, now()?)?;
    let (member, draft) = applicant.admission(&mut hostile.host.rng);
    let made = control_entry(
        &hostile.control,
        &hostile.at,
        Signer::Device(&hostile.host.keys),
        &hostile.keyring,
        draft,
        &mut hostile.host.rng,
    )?;
    let bind = brought_in(&made.entry);
    hostile.control.insert(made.entry)?;
    let newcomer = Newcomer {
        member,
        bind: *bind.first().context("nobody was brought in")?,
        drive_secret: &hostile.secret,
        drive_name: &hostile.name,
        peers: &[],
    };
    let welcome = applicant.welcome(
        &hostile.control,
        &hostile.keyring,
        &newcomer,
        &mut hostile.host.rng,
    )?;
    Ok(stream.send(&welcome).await?)
}
