//! The binary: hands over to [`tieout::cli`] and exits with its code. Nothing else lives here.

fn main() -> std::process::ExitCode {
    tieout::cli::main()
}
