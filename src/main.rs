//! The rowtap program; see [`rowtap::cli`].

use rowtap::cli::{self, Exit};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Exit {
    cli::main()
}
