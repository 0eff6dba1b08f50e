//! The recovery phrase: shown once by the device that founded the drive, and the way back in for
//! whoever lost every device. Knows the order of messages and what is written when.

use std::path::Path;
use std::time::Duration;

use peerdrive_crypto::identity::{DeviceCert, DriveKeys, PhraseError, RootKey};
use peerdrive_crypto::ids::EndpointKey;
use peerdrive_crypto::invite::Joined;
use peerdrive_crypto::reentry::{self, LogReader, ReentryError};
use peerdrive_crypto::secret::RootSeed;
use peerdrive_net::JoinStream;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::drive::error::DriveError;
use crate::drive::handle::DriveHandle;
use crate::drive::identity::Ask;
use crate::drive::request::Request;
use crate::engine::{Engine, KeepError};
use crate::join::{AdmitFailed, JoinError, MESSAGE_LIMIT, TREE_LIMIT, receive};
use crate::local::{LocalError, Space};
use crate::open::ROOT_KEY;
use crate::place::Place;

/// How long the news that lost devices are ended may take to reach the device that let this one in.
const TELL_LIMIT: Duration = Duration::from_secs(10);

/// What came of a recovery.
#[derive(Debug)]
pub struct Recovered {
    /// The drive, with this device as an owner's.
    pub drive: DriveHandle,
    /// The names of the devices that were ended, as their owner called them.
    pub ended: Vec<String>,
    /// Whether every other device of the owner is ended. Not so if that was not wanted, or if the drive
    /// had not arrived: to end them before that would cut off what they wrote.
    pub alone: bool,
}

/// A recovery failed.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The text is no phrase.
    #[error(transparent)]
    Phrase(#[from] PhraseError),
    /// What should lead to a device does not.
    #[error(
        "that leads to no device; give an invite to the drive (an old one will do) or what `peerdrive devices address` prints on a device that has it"
    )]
    Contact,
    /// Nobody was reached.
    #[error("no device of the drive can be reached ({0}); one has to be on line")]
    Unreachable(String),
    /// The other side, or what it sent.
    #[error(transparent)]
    Reentry(#[from] ReentryError),
    /// The folder, the connection or the record.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// The drive.
    #[error(transparent)]
    Drive(#[from] DriveError),
}

impl DriveHandle {
    /// The drive's recovery phrase, if this device founded it and the phrase has not been forgotten yet.
    pub fn recovery_phrase(&self) -> Result<Option<Zeroizing<String>>, LocalError> {
        let seed = self.shared.local.get(Space::Config, ROOT_KEY)?;
        let seed = seed.map(Zeroizing::new);
        let seed = seed.and_then(|seed| <[u8; 32]>::try_from(seed.as_slice()).ok());
        Ok(seed.map(|seed| RootKey::from_seed(RootSeed::from_bytes(seed)).phrase()))
    }

    /// Forgets the phrase: from now on only whoever wrote it down has it.
    pub fn forget_recovery_phrase(&self) -> Result<(), LocalError> {
        let forget = (ROOT_KEY.to_vec(), None);
        self.shared.local.write(Space::Config, &[forget])
    }
}

impl Engine {
    /// Becomes an owner's device of the drive that this phrase founded, by way of the device that
    /// `contact` leads to (see [`Engine::contact`]; an invite will do, also an old one). Unless
    /// `keep_devices`, every other device of the founder is ended then. On a device that has the drive
    /// already, only that is done.
    pub async fn recover(
        &self,
        phrase: &str,
        contact: &str,
        folder: Option<&Path>,
        keep_devices: bool,
    ) -> Result<Recovered, RecoverError> {
        let root = RootKey::from_phrase(phrase)?;
        let addresses = crate::devices::addresses_in(contact).ok_or(RecoverError::Contact)?;
        let folder = match folder {
            Some(folder) => Some(
                self.future_folder(folder, None)
                    .map_err(|error| JoinError::Keep(KeepError::from(error)))?,
            ),
            None => None,
        };
        let mut stream = self.dial(&addresses).await.map_err(|error| match error {
            JoinError::Unreachable(why) => RecoverError::Unreachable(why),
            error => error.into(),
        })?;
        let helper = stream.peer();
        let mut back = hear_log(&mut stream, &root).await?;
        let known = self.drives().into_iter().find(|d| d.id() == back.drive);
        let drive = match known {
            Some(drive) => drive,
            None => {
                let place = folder.as_deref().map_or(Place::Later, Place::Folder);
                self.folder_to_come(place, &back.drive)
                    .map_err(JoinError::from)?;
                let keys = DriveKeys::generate(&mut crate::env::rng());
                let now = crate::env::now_ms() / 1000;
                let cert = DeviceCert::issue(&back.drive, &keys, &self.inner.endpoint, now);
                let label = &self.inner.device_name;
                let rng = &mut crate::env::rng();
                let (bind, entry) = back.enter(&root, cert, label, rng)?;
                stream.send(&entry).await.map_err(JoinError::from)?;
                let peers = reentry::read_welcome(&hear(&mut stream).await?)?;
                let current = back.control.state().current_epoch();
                let epoch = current.and_then(|id| back.keyring.get(&id));
                let epoch = epoch.ok_or(ReentryError::NoKeys)?;
                let joined = Joined {
                    drive: back.drive,
                    name: back.name,
                    member: back.member,
                    bind,
                    control: back.control,
                    epoch: (epoch.id(), epoch.secret().duplicate()),
                    keyring: back.keyring,
                    drive_secret: back.drive_secret,
                    peers,
                    verified: true,
                };
                self.found_joined(&keys, joined, &addresses, place)?
            }
        };
        stream.finish().await;
        let level = drive.until_level_with(helper, TREE_LIMIT).await;
        let alone = level && !keep_devices;
        let ended = if alone {
            let root = Box::new(root);
            let asked = |reply| Request::Identity(Ask::EndOthers { root, reply });
            let ended = drive.ask(asked).await?;
            let _ = drive.until_level_with(helper, TELL_LIMIT).await;
            ended
        } else {
            Vec::new()
        };
        if let Some(folder) = folder
            && drive.folder().map_err(DriveError::from)?.is_none()
        {
            self.keep(&drive, &folder).map_err(JoinError::from)?;
        }
        Ok(Recovered {
            drive,
            ended,
            alone,
        })
    }

    /// The side of a device that has the drive: proves nothing, since nothing is taken on its word.
    pub(crate) async fn let_back_in(
        &self,
        mut stream: JoinStream,
        first: &[u8],
    ) -> Result<(), AdmitFailed> {
        let root_pk = match reentry::who_knocks(first, &stream.exporter()) {
            Ok(root_pk) => root_pk,
            Err(error) => return turn_back(stream, error).await,
        };
        for drive in self.drives() {
            let (reply, answer) = oneshot::channel();
            let asked = Ask::FoundedBy { root_pk, reply };
            drive.give(Request::Identity(asked)).await?;
            let Ok(Some(log)) = answer.await else {
                continue;
            };
            for message in log {
                stream.send(&message).await?;
            }
            let entry = reentry::read_entry(&receive(&mut stream).await?)?;
            let endpoint = EndpointKey(stream.peer().0);
            let asked = |reply| {
                Request::Identity(Ask::TakeBack {
                    entry,
                    endpoint,
                    reply,
                })
            };
            if !drive.ask(asked).await? {
                return turn_back(stream, ReentryError::Refused).await;
            }
            stream
                .send(&reentry::welcome(&drive.known_addresses()))
                .await?;
            stream.finish().await;
            return Ok(());
        }
        turn_back(stream, ReentryError::Refused).await
    }
}

async fn turn_back(mut stream: JoinStream, why: ReentryError) -> Result<(), AdmitFailed> {
    stream.send(&reentry::refuse()).await?;
    stream.finish().await;
    Err(why.into())
}

async fn hear(stream: &mut JoinStream) -> Result<Vec<u8>, JoinError> {
    let heard = tokio::time::timeout(MESSAGE_LIMIT, stream.recv()).await;
    Ok(heard.map_err(|_| peerdrive_net::JoinError::TooSlow)??)
}

async fn hear_log(
    stream: &mut JoinStream,
    root: &RootKey,
) -> Result<reentry::Returning, RecoverError> {
    let knock = reentry::knock(root, &stream.exporter(), &mut crate::env::rng())?;
    stream.send(&knock).await.map_err(JoinError::from)?;
    let mut log = LogReader::default();
    while !log.take(&hear(stream).await?)? {}
    Ok(log.judge(root)?)
}
