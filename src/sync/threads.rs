//! Threads, and what is each thread's own.
#![forbid(unsafe_code)]

use super::thread;

// Scoped threads have no twin in loom: only recovery starts them.
#[cfg(loom)]
use std::thread as scoped;
#[cfg(not(loom))]
use thread as scoped;

pub(crate) use scoped::scope;
pub(crate) use thread::JoinHandle;

/// Starts a named thread.
///
/// # Errors
///
/// When the operating system refuses another thread.
pub(crate) fn spawn_named<T: Send + 'static>(
    name: String,
    body: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<JoinHandle<T>> {
    thread::Builder::new().name(name).spawn(body)
}

/// Starts a named thread that ends before `scope` does.
///
/// # Errors
///
/// When the operating system refuses another thread.
pub(crate) fn spawn_scoped<'scope, T: Send + 'scope>(
    scope: &'scope scoped::Scope<'scope, '_>,
    name: String,
    body: impl FnOnce() -> T + Send + 'scope,
) -> std::io::Result<scoped::ScopedJoinHandle<'scope, T>> {
    #[cfg(not(shuttle))]
    return std::thread::Builder::new()
        .name(name)
        .spawn_scoped(scope, body);
    #[cfg(shuttle)]
    {
        let _ = name;
        Ok(scope.spawn(body))
    }
}

/// How many threads this process may run at once: its allowed CPUs.
pub(crate) fn allowed_cpus() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Declares a variable of each thread, with a constant to start from.
macro_rules! of_each_thread {
    (static $name:ident: $type:ty = $value:expr;) => {
        #[cfg(not(any(loom, shuttle)))]
        std::thread_local! {
            static $name: $type = const { $value };
        }
        #[cfg(shuttle)]
        shuttle::thread_local! {
            static $name: $type = $value;
        }
        #[cfg(loom)]
        loom::thread_local! {
            static $name: $type = $value;
        }
    };
}
pub(crate) use of_each_thread;
