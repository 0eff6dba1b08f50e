//! probe
use peerdrive_crdt_tree::{
    edit::*, id::*, lint::Author, name::Name, node::*, testing::*, tree::DriveTree,
};
use std::time::Instant;
fn t<T>(what: &str, n: u32, mut f: impl FnMut() -> T) {
    let s = Instant::now();
    for _ in 0..n {
        std::hint::black_box(f());
    }
    println!("{what}: {:?}", s.elapsed() / n);
}
fn main() {
    let a = Actor([1; 16]);
    let b = Actor([2; 16]);
    t("new", 100, || DriveTree::new(a));
    let mut tree = DriveTree::new(a);
    let mk = |i: usize| Edit::Create {
        parent: Place::In(NodeId::ROOT),
        name: Name::new(format!("f{i}")).unwrap(),
        kind: Kind::File,
        content: None,
        mode: None,
    };
    let e = tree.edit(&(0..20).map(mk).collect::<Vec<_>>());
    t("picture", 100, || picture(&tree));
    let snap = tree.save();
    println!("snap {}", snap.len());
    t("save", 50, || tree.save());
    t("load", 50, || DriveTree::load(&snap, a));
    t("rebuild", 50, || tree.rebuild());
    let mut i = 100;
    t("edit", 100, || {
        i += 1;
        tree.edit(&[mk(i)])
    });
    let mut other = DriveTree::new(b);
    other
        .apply(&e.changes[0], &Author { actor: a, seq: 1 })
        .unwrap();
    let mut j = 0;
    let cs: Vec<_> = (0..100)
        .map(|i| tree.edit(&[mk(1000 + i)]).changes.remove(0))
        .collect();
    let _ = &cs;
    let mut third = DriveTree::load(&tree.save(), b);
    let third = third.as_mut().unwrap();
    let cs: Vec<_> = (0..100)
        .map(|i| tree.edit(&[mk(2000 + i)]).changes.remove(0))
        .collect();
    t("apply", 100, || {
        let r = third
            .apply(
                &cs[j],
                &Author {
                    actor: a,
                    seq: 202 + j as u64,
                },
            )
            .unwrap();
        j += 1;
        r
    });
}
