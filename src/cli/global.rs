//! The flags that every verb takes.

use clap::{Args, ColorChoice};

#[derive(Args, Clone, Default)]
pub(super) struct Global {
    /// One JSON document on standard output, and nothing else
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Only errors, and the answer
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// More about each step
    #[arg(short, long, global = true)]
    pub(super) verbose: bool,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(super) color: ColorChoice,
}
