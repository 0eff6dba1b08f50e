//! Writers that were removed, and what they do before, while and after that is so.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::name::Name;
use peerdrive_crdt_tree::node::{Content, Kind};
use peerdrive_engine::Role;
use peerdrive_engine::drive::roll::RemovalReason;
use peerdrive_engine::history::Back;
use peerdrive_net::LogId;

use crate::scene::{Scene, folder, until};

#[tokio::test(flavor = "multi_thread")]
async fn attack_l5_what_a_removed_writer_gives_to_a_lagging_replica_shows_nowhere_and_honest_work_on_it_stays()
-> Result<()> {
    let mut scene = Scene::of(&[Role::Writer, Role::Writer, Role::Writer]).await?;
    let mut ex = scene.seize(2).await?;
    let colluding = scene.seize(3).await?;
    // The owner removes the writer where nobody hears it.
    scene.stop(1).await?;
    let owner = scene.at(0)?;
    owner
        .drive
        .remove(&ex.member.to_string(), RemovalReason::Compromised)
        .await?;
    scene.stop(0).await?;
    // The removed one writes after its cut; the replica that lags takes it and builds on it.
    scene.start(1).await?;
    let late = ex.write(&[folder("late")?])?;
    let air = ex.on_air(&scene.addresses(&[1])?).await?;
    until("the lagging one shows it", || {
        Ok(scene.at(1)?.shows("late"))
    })
    .await?;
    air.off().await;
    let honest = scene.at(1)?;
    let inside = honest.drive.view().lookup("late").context("not there")?;
    honest
        .drive
        .edit(vec![Edit::Create {
            parent: Place::In(inside),
            name: Name::new("honest work")?,
            kind: Kind::Folder,
            content: None,
            mode: None,
        }])
        .await?
        .remove(0)?;
    honest.make("beside it").await?;
    // All meet. It claims that it still knows nothing, and somebody passes that on too.
    scene.start(0).await?;
    scene.level(&[0, 1]).await?;
    let later = ex.write(&[folder("later still")?])?;
    let air = colluding.on_air(&scene.addresses(&[0, 1])?).await?;
    for entry in late.iter().chain(&later) {
        air.shelf.put(&entry.to_bytes());
    }
    until("there are sessions", || Ok(air.is_met(0) && air.is_met(1))).await?;
    air.push(&later);
    until(
        "both have it all",
        || Ok(air.has_told(0) && air.has_told(1)),
    )
    .await?;
    air.off().await;
    scene.level(&[0, 1]).await?;
    for at in [0, 1] {
        let device = scene.at(at)?;
        let all = device.drive.listing(None).context("no listing")?;
        let names: Vec<&str> = all.iter().map(|line| line.path.as_str()).collect();
        ensure!(device.shows("beside it"), "device {at}: {names:?}");
        ensure!(
            names.iter().any(|path| path.ends_with("honest work")),
            "device {at} lost honest work: {names:?}"
        );
        ensure!(!device.shows("later still"), "device {at}: {names:?}");
    }
    // The removed one's own is offered to whoever may let it count.
    let pending = scene.at(0)?.drive.review().await?;
    ensure!(pending.len() == 1, "{pending:?}");
    ensure!(pending[0].member == Some(ex.member), "{pending:?}");
    scene.goes_on(&[0, 1], "afterwards").await
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_l9_a_demoted_writer_writes_no_more_under_either_id() -> Result<()> {
    let mut scene = Scene::of(&[Role::Writer, Role::Writer, Role::Writer]).await?;
    let mut old = scene.seize(2).await?;
    let before_demotion = old.control.heads();
    scene.start(2).await?;
    let owner = scene.at(0)?;
    let id = old.member.to_string();
    owner.drive.change_role(&id, Role::Reader).await?;
    until("it is a reader", || {
        Ok(scene.at(2)?.drive.role() == Some(Role::Reader))
    })
    .await?;
    scene.level(&[0, 1, 2]).await?;
    let mut new = scene.seize(2).await?;
    ensure!(new.bind != old.bind, "a role changed within a grant");
    let before = scene.at(0)?.all();
    let mut forged = old.write(&[folder("under the old id")?])?;
    forged.extend(new.write(&[folder("under the new id")?])?);
    // The new id, which says that it knows nothing of the change that made it.
    new.fresh_log();
    new.claims = Some(before_demotion);
    new.seal_with = old.keyring.epochs().last().cloned();
    forged.extend(new.write(&[folder("under the new id, before it was")?])?);
    let air = new.on_air(&scene.addresses(&[0, 1])?).await?;
    for entry in &forged {
        air.shelf.put(&entry.to_bytes());
    }
    until("there are sessions", || Ok(air.is_met(0) && air.is_met(1))).await?;
    air.push(&forged);
    let log = LogId(forged[1].log_id().0);
    until("it was judged", || Ok(air.shelf.asked(&log) >= 4)).await?;
    air.off().await;
    for at in [0, 1] {
        ensure!(scene.at(at)?.all() == before, "device {at} shows it");
    }
    scene.goes_on(&[0, 1], "after the demotion").await
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_l23_what_a_writer_overwrites_and_deletes_comes_back_after_its_removal() -> Result<()>
{
    let mut scene = Scene::of(&[Role::Writer]).await?;
    let mut wanted = Vec::new();
    for at in 0..20u8 {
        let name = format!("file {at}");
        scene.at(0)?.file(&name, &[at; 3000]).await?;
        wanted.push(name);
    }
    scene.level(&[0, 1]).await?;
    let before = scene.at(0)?.drive.view_hash();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let then = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let enemy = scene.at(1)?;
    for (at, name) in wanted.iter().enumerate() {
        let node = enemy.drive.view().lookup(name).context("not there")?;
        let edit = match at % 2 {
            0 => Edit::Delete { node },
            _ => {
                let bytes = b"pay here".to_vec();
                let content = enemy.drive.content().import_bytes(bytes, 0).await?;
                Edit::SetContent {
                    node,
                    content: Content::File(content),
                }
            }
        };
        enemy.drive.edit(vec![edit]).await?.remove(0)?;
    }
    enemy.make("HOW TO PAY").await?;
    scene.level(&[0, 1]).await?;
    let id = scene.at(1)?.drive.members();
    let me = id.iter().find(|member| member.you).context("no member")?;
    let owner = scene.at(0)?;
    owner
        .drive
        .remove(&me.id.to_string(), RemovalReason::Compromised)
        .await?;
    scene.stop(1).await?;
    let owner = scene.at(0)?;
    let back = Back {
        time_ms: then,
        path: String::new(),
        exact: true,
    };
    let restored = owner.drive.restore_as_of(back).await?;
    ensure!(restored.not.is_empty(), "{restored:?}");
    ensure!(owner.drive.view_hash() == before, "{restored:?}");
    for (at, name) in wanted.iter().enumerate() {
        let bytes = owner.read(name).await?.context("gone")?;
        ensure!(bytes == [at as u8; 3000], "{name}");
    }
    Ok(())
}
