//! Writes the TypeScript twins of all requests, replies and events, and fails when what is checked in
//! was not this. Knows no browser.

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use ts_rs::{Config, TS, TypeVisitor};

use crate::dto::*;
use crate::schema::{self, Call};

const HEAD: &str = "\
// Written by a test of crates/api from its types; not to be edited. `cargo nextest run --workspace
// -E 'test(bindings)'` writes it anew.

";

/// Collects declarations and commands.
pub(crate) struct Book {
    config: Config,
    seen: BTreeSet<TypeId>,
    types: BTreeMap<String, String>,
    calls: String,
}

impl Book {
    fn new() -> Self {
        Self {
            // Whole numbers above 2^53 do not occur: sizes and times are far below, ids are text.
            config: Config::new().with_large_int("number"),
            seen: BTreeSet::new(),
            types: BTreeMap::new(),
            calls: String::new(),
        }
    }

    /// Adds a command with its types.
    pub(crate) fn call<C: Call>(&mut self, doc: &str)
    where
        C::Request: TS + 'static,
        C::Item: TS + 'static,
        C::Reply: TS + 'static,
    {
        self.visit::<C::Request>();
        self.visit::<C::Item>();
        self.visit::<C::Reply>();
        let cfg = &self.config;
        let [request, item, reply] = [
            C::Request::name(cfg),
            C::Item::name(cfg),
            C::Reply::name(cfg),
        ];
        // Writing to a string does not fail.
        let _ = writeln!(
            self.calls,
            "  /** {doc} */\n  {}: {{ request: {request}; item: {item}; reply: {reply} }};",
            C::NAME
        );
    }
}

impl TypeVisitor for Book {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if !self.seen.insert(TypeId::of::<T>()) {
            return;
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
        // Only what was derived has a file of its own; `string` and `Array` have none.
        if T::output_path().is_some() {
            let docs = T::docs().unwrap_or_default();
            let text = format!("{docs}export {}\n", T::decl(&self.config));
            self.types.insert(T::ident(&self.config), text);
        }
    }
}

fn written() -> String {
    let mut book = Book::new();
    schema::describe(&mut book);
    book.visit::<crate::error::ApiError>();
    book.visit::<Progress>();
    book.visit::<Frame>();
    let mut text = HEAD.to_owned();
    for declared in book.types.values() {
        text += declared;
        text += "\n";
    }
    text + "/** Every command by its name. */\nexport type Calls = {\n" + &book.calls + "};\n"
}

#[test]
fn the_bindings_of_the_app_are_those_of_this_source() -> Result<(), Box<dyn std::error::Error>> {
    // Where cargo runs, not where this was built: a checkout may share compiled files with another.
    let here = std::env::var("CARGO_MANIFEST_DIR")?;
    let path = PathBuf::from(here).join("../../app/src/bindings/api.ts");
    let (expected, found) = (
        written(),
        std::fs::read_to_string(&path).unwrap_or_default(),
    );
    if expected != found {
        std::fs::create_dir_all(path.parent().ok_or("no folder")?)?;
        std::fs::write(&path, expected)?;
        return Err(
            "app/src/bindings/api.ts was not up to date; it is written now, to be checked in"
                .into(),
        );
    }
    Ok(())
}
