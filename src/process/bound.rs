//! A program that dies with the process that started it.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// The hidden verb by which kugetsu starts itself to become such a program.
pub const BOUND: &str = "__bound";

/// Binds this process to its parent, and becomes `program`. Comes back only if that fails.
///
/// On Linux the kernel kills the program when its parent dies, however that dies. Elsewhere there is no such bond; what
/// is left alive is found by its mark.
pub fn run_bound(parent: u32, program: &[OsString]) -> io::Error {
    // A session of its own: Ctrl-C at the terminal is for the parent to deal with.
    if let Err(error) = rustix::process::setsid() {
        return error.into();
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
    {
        return error.into();
    }
    let orphaned =
        rustix::process::getppid().is_none_or(|now| now.as_raw_nonzero().get().unsigned_abs() != parent);
    match program.split_first() {
        _ if orphaned => io::Error::other("the process that started this one is gone"),
        Some((program, arguments)) => Command::new(program).args(arguments).exec(),
        None => io::Error::from(io::ErrorKind::InvalidInput),
    }
}
