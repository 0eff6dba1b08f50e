use super::*;
use crate::{
    author::Draft,
    body::Role,
    testing::{TestDevice, TestResult},
    wire::Fixed,
};

struct Drive {
    owner: TestDevice,
    writer: TestDevice,
    content: Vec<Entry>,
}

fn drive() -> TestResult<Drive> {
    let (mut owner, _) = TestDevice::found("owner", 1)?;
    let mut writer = owner.admit_new("writer", Role::Writer, 2)?;
    let mut content = Vec::new();
    for round in 0..3u8 {
        content.push(owner.write(&[round])?);
        content.push(writer.write(&[round])?);
    }
    Ok(Drive {
        owner,
        writer,
        content,
    })
}

fn audited(control: &[Entry], content: &[Entry]) -> Result<Findings, Fault> {
    let first = control.first().ok_or(Fault::Chain)?;
    let mut auditor = Auditor::new(crate::body::drive_id(&first.header));
    for entry in control {
        auditor.control(entry.clone())?;
    }
    for entry in content {
        auditor.content(entry.header.clone(), &entry.sig)?;
    }
    auditor.finish()
}

impl Drive {
    fn control(&self) -> Vec<Entry> {
        self.owner
            .control
            .entries()
            .map(|(_, e)| e.clone())
            .collect()
    }
}

#[test]
fn an_honest_history_is_found_whole() -> TestResult {
    let it = drive()?;
    let found = audited(&it.control(), &it.content)?;
    assert_eq!((found.control, found.content), (2, 6));
    assert_eq!((found.void, found.refused), (0, 0));
    let writer = found.devices.get(&it.writer.bind).ok_or("not listed")?;
    assert_eq!(
        (writer.member, writer.content, writer.live),
        (it.writer.member, 3, true)
    );
    Ok(())
}

#[test]
fn whatever_is_taken_out_put_in_or_changed_is_found() -> TestResult {
    let it = drive()?;
    let (control, content) = (it.control(), it.content.clone());
    // Each entry but the last of its log taken out.
    for at in 0..content.len() - 2 {
        let mut holed = content.clone();
        holed.remove(at);
        assert_eq!(audited(&control, &holed), Err(Fault::Chain), "entry {at}");
    }
    assert!(audited(&control[..1], &content).is_err());
    assert!(audited(&control[1..], &content).is_err());
    // Twice, and in another's place.
    let mut twice = content.clone();
    twice.push(content[0].clone());
    assert_eq!(audited(&control, &twice), Err(Fault::Twice));
    let mut swapped = content.clone();
    swapped.swap(0, 2);
    assert_eq!(audited(&control, &swapped), Err(Fault::Chain));
    // Any bit of a signature, and a signature of somebody else.
    for byte in 0..64 {
        let mut bent = content.clone();
        bent[3].sig.0[byte] ^= 1;
        assert_eq!(
            audited(&control, &bent),
            Err(Fault::Entry(EntryError::Signature))
        );
    }
    let mut borrowed = content.clone();
    borrowed[0].sig = content[1].sig;
    assert!(audited(&control, &borrowed).is_err());
    // A field of a header.
    let mut changed = content.clone();
    changed[0].header.body_hash[0] ^= 1;
    assert!(audited(&control, &changed).is_err());
    changed = content.clone();
    changed[5].header.bind = it.owner.bind;
    assert!(audited(&control, &changed).is_err());
    // Somebody who is no member.
    let mut stranger = TestDevice::new("stranger", it.owner.control.drive(), 9);
    stranger.control = it.owner.control.clone();
    let (bind, ring) = (BindId([9; 32]), it.owner.control.drive());
    stranger.sit(ring, bind);
    stranger.keyring.catch_up(
        &it.owner.control,
        crate::keyring::Opener::Device(&it.owner.keys),
    );
    let mut more = content.clone();
    more.push(stranger.write(b"mine")?);
    assert_eq!(audited(&control, &more), Err(Fault::UnknownDevice(bind)));
    Ok(())
}

#[test]
fn what_the_rules_do_not_allow_is_told_apart_from_what_is_forged() -> TestResult {
    let mut it = drive()?;
    let mut reader = it.owner.admit_new("reader", Role::Reader, 3)?;
    let mut content = it.content.clone();
    content.push(reader.write(b"not mine to write")?);
    it.writer.hear_all(&it.owner.control)?;
    it.owner.revoke(it.writer.member)?;
    let found = audited(&it.control(), &content)?;
    // The reader's, and all of the removed writer's, whose cut let nothing stand.
    assert_eq!(found.refused, 4);
    let mut told = it.control();
    let void = it
        .writer
        .act(Draft::new().revoke(crate::testing::revocation(it.owner.member)))?;
    told.push(void);
    let found = audited(&told, &content)?;
    assert!(found.void > 0);
    Ok(())
}

#[test]
fn an_export_is_signed_by_a_device_of_the_drive() -> TestResult {
    let it = drive()?;
    let mut auditor = Auditor::new(it.owner.control.drive());
    for entry in it.control() {
        auditor.control(entry)?;
    }
    let digest = [3; 32];
    let sig = sign_export(&it.writer.keys, &digest);
    assert_eq!(auditor.exported_by(&it.writer.bind, &digest, &sig), Ok(()));
    assert_eq!(
        auditor.exported_by(&it.writer.bind, &[4; 32], &sig),
        Err(Fault::Export)
    );
    assert_eq!(
        auditor.exported_by(&it.owner.bind, &digest, &sig),
        Err(Fault::Export)
    );
    assert_eq!(
        auditor.exported_by(&it.owner.bind, &digest, &Fixed([0; 64])),
        Err(Fault::Export)
    );
    Ok(())
}
