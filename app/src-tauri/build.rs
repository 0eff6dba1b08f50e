//! Lists the commands of the window, so that its page may give those and no others.

fn main() {
    let commands = &[
        "rpc",
        "events",
        "hush",
        "links",
        "pick_folder",
        "reveal",
        "notify",
    ];
    let manifest = tauri_build::AppManifest::new().commands(commands);
    let attributes = tauri_build::Attributes::new().app_manifest(manifest);
    if let Err(error) = tauri_build::try_build(attributes) {
        println!("cargo::error={error:#}");
        std::process::exit(1);
    }
}
