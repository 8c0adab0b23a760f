//! Sets `cfg(loom_model)`, and does what the build script of the runtime does.

#[path = "../../runtime/build.rs"]
mod runtime;

fn main() {
    println!("cargo::rustc-cfg=loom_model");
    runtime::main();
}
