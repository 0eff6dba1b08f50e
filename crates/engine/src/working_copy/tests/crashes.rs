//! What was done in a folder right before, and while, a program crashed is found at its next start, also
//! what had not become durable: nothing deleted comes back, and nothing is taken for deleted.

use std::fs;

use super::support::{Bench, TestResult};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_in_right_before_a_crash_and_deleted_after_it_stays_deleted() -> TestResult {
    let mut bench = Bench::started()?;
    bench.put("edited", "44")?;
    bench.sync().await?;
    bench.records_durable().await?;
    bench.hold_records();
    bench.put("edited", "47")?;
    bench.put("new/made", "48")?;
    bench.sync().await?;
    assert_eq!(bench.here.shown().len(), 3);
    bench.crash().await;
    fs::remove_file(bench.path("edited"))?;
    fs::remove_file(bench.path("new/made"))?;
    bench.start()?;
    bench.settle().await?;
    let left: Vec<String> = bench.here.shown().into_keys().collect();
    assert_eq!(left, ["new"]);
    bench.assert_in_step()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_from_others_right_before_a_crash_and_was_deleted_after_it_stays_deleted()
-> TestResult {
    let mut bench = Bench::started()?;
    bench.put("edited", "44")?;
    bench.put("moved", "45")?;
    bench.settle().await?;
    bench.records_durable().await?;
    bench.hold_records();
    bench.there.folder("new")?;
    bench.there.write("new/made", b"46")?;
    bench.there.write("edited", b"47")?;
    bench.there.rename("moved", "elsewhere")?;
    bench.settle().await?;
    assert_eq!(bench.read("edited")?, "47");
    bench.crash().await;
    for path in ["edited", "new/made", "elsewhere"] {
        fs::remove_file(bench.path(path))?;
    }
    bench.start()?;
    bench.settle().await?;
    let left: Vec<String> = bench.here.shown().into_keys().collect();
    assert_eq!(left, ["new"]);
    bench.assert_in_step()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_moved_right_before_a_crash_and_deleted_after_it_stays_deleted() -> TestResult {
    let mut bench = Bench::started()?;
    bench.put("a/b", "44")?;
    bench.sync().await?;
    bench.records_durable().await?;
    bench.hold_records();
    fs::rename(bench.path("a"), bench.path("c"))?;
    bench.sync().await?;
    assert!(bench.here.at("c/b").is_ok());
    bench.crash().await;
    fs::remove_file(bench.path("c/b"))?;
    bench.start()?;
    bench.settle().await?;
    let left: Vec<String> = bench.here.shown().into_keys().collect();
    assert_eq!(left, ["c"]);
    bench.assert_in_step()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_here_and_restored_elsewhere_around_a_crash_is_written_out() -> TestResult
{
    let mut bench = Bench::started()?;
    bench.put("a", "44")?;
    bench.put("b", "45")?;
    bench.settle().await?;
    bench.records_durable().await?;
    bench.hold_records();
    let node = bench.here.at("a")?;
    fs::remove_file(bench.path("a"))?;
    bench.settle().await?;
    assert!(bench.here.at("a").is_err());
    bench.crash().await;
    bench.there.restore(node)?;
    bench.exchange()?;
    bench.start()?;
    bench.settle().await?;
    assert_eq!(bench.read("a")?, "44");
    bench.assert_in_step()
}

/// What a loss of power may have taken back is believed of nobody: it costs a file that comes back,
/// never one that is deleted.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_a_loss_of_power_took_is_not_taken_for_deleted() -> TestResult {
    let mut bench = Bench::started()?;
    bench.put("kept", "44")?;
    bench.sync().await?;
    bench.records_durable().await?;
    bench.hold_records();
    bench.put("fresh", "47")?;
    bench.sync().await?;
    bench.lose_power().await;
    fs::remove_file(bench.path("fresh"))?;
    bench.start()?;
    bench.settle().await?;
    assert_eq!(bench.read("fresh")?, "47");
    bench.assert_in_step()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_durable_is_jotted_down_no_longer() -> TestResult {
    let mut bench = Bench::started()?;
    bench.put("a", "44")?;
    bench.sync().await?;
    bench.records_durable().await?;
    bench.stop().await;
    assert_eq!(bench.here.jotted_down(), 0);
    bench.start()?;
    bench.settle().await?;
    bench.assert_in_step()
}
