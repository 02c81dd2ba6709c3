use mimalloc::MiMalloc;
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;
use clap::Parser;
#[derive(Parser)]
struct A {
    #[command(flatten)]
    d: ringlog_cli::demo::Args,
}
fn main() {
    let a = A::parse();
    let r = ringlog_cli::demo::run::<ringlog_cli::Game>(&a.d).unwrap();
    print!("{r}");
}
