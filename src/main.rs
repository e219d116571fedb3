//! The `kugetsu` program; everything is in the library.

fn main() -> std::process::ExitCode {
    kugetsu::cli::main()
}
