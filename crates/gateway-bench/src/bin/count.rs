//! Does one kind of work a number of times, for whoever counts its instructions.
//!
//! `--work NAME --times N`; without a name it lists them.

#![expect(clippy::print_stdout, reason = "a program talks to its terminal")]

use gateway_bench::args::Args;
use gateway_bench::counted;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), String> {
    let args = Args::read(std::env::args().skip(1))?;
    let name: String = args.get("work", String::new())?;
    let times = args.get("times", 100)?;
    if name.is_empty() {
        for work in counted::WORKS {
            println!("{work}");
        }
        return Ok(());
    }
    counted::run(&name, times)
}
